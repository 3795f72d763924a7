# Every public name of ``ratedist.linear_model``, once: read by type checkers and by ``lazy_loader``.
from .base import LinearModel as LinearModel
from .model import GaussianLinearModel as GaussianLinearModel
from .model import ar1_covariance as ar1_covariance
from .multi_output import MultiOutputLinearModel as MultiOutputLinearModel
from .multi_output_weights import decaying_spectrum_weights as decaying_spectrum_weights
from .multi_output_weights import planted_rank_weights as planted_rank_weights
from .weights import gaussian_weights as gaussian_weights
from .weights import sparse_weights as sparse_weights
from .weights import two_level_weights as two_level_weights
