# Every public name of ``ratedist.simulation``, once: read by type checkers and by ``lazy_loader``.
from .estimates import RiskEstimates as RiskEstimates
from .random_codes import bernoulli_random_code_distortion as bernoulli_random_code_distortion
from .random_codes import random_code_distortion as random_code_distortion
from .results import SimulationResult as SimulationResult
from .runner import simulate as simulate
