# Every public name of ``ratedist.linear_model``, once: read by type checkers and by ``lazy_loader``.
from .model import GaussianLinearModel as GaussianLinearModel
from .model import ar1_covariance as ar1_covariance
from .weights import gaussian_weights as gaussian_weights
from .weights import sparse_weights as sparse_weights
from .weights import two_level_weights as two_level_weights
