# Every public name of ``ratedist.quantizers``, once: read by type checkers and by ``lazy_loader``.
from .baselines import entropy_constrained_quantizer as entropy_constrained_quantizer
from .baselines import uniform_quantizer as uniform_quantizer
from .clustering import kmeans as kmeans
from .clustering import optimal_scalar_path as optimal_scalar_path
from .designed import DesignedQuantizer as DesignedQuantizer
from .designed import entropy_constrained_design as entropy_constrained_design
from .methods import Algorithm1 as Algorithm1
from .methods import Lloyd as Lloyd
from .methods import Optimal as Optimal
from .objective import quantization_objective as quantization_objective
from .pruning import PrunedWeights as PrunedWeights
from .pruning import optimal_brain_surgeon as optimal_brain_surgeon
from .pruning import pruning_mask as pruning_mask
from .pruning import surgeon_order as surgeon_order
from .pruning import surgeon_values as surgeon_values
from .quantized import Quantized as Quantized
