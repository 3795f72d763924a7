# Every public name of ``ratedist.lowrank``, once: read by type checkers and by ``lazy_loader``.
from .projection import Factors as Factors
from .projection import project as project
