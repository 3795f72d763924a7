# Every public name of ``ratedist.lowrank``, once: read by type checkers and by ``lazy_loader``.
from .metric import Metric as Metric
from .penalties import DampedRank as DampedRank
from .penalties import FirmPenalty as FirmPenalty
from .penalties import FixedRank as FixedRank
from .penalties import NuclearNorm as NuclearNorm
from .penalties import Penalty as Penalty
from .penalties import RankPenalty as RankPenalty
from .penalties import SchattenPenalty as SchattenPenalty
from .projection import Factors as Factors
from .projection import project as project
