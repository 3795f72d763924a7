# Every public name of ``ratedist.compressors``, once: read by type checkers and by ``lazy_loader``.
from .base import Compressed as Compressed
from .base import Compressor as Compressor
from .base import Context as Context
from .base import FamilyCompressor as FamilyCompressor
from .check import check_compressor as check_compressor
from .erm import ERM as ERM
from .fixed_codebook import FixedCodebook as FixedCodebook
from .function import compressor as compressor
from .hessian_weighted import HessianWeightedKMeans as HessianWeightedKMeans
from .kmeans import KMeans as KMeans
from .oracle import Oracle as Oracle
from .remote import PosteriorMean as PosteriorMean
from .remote import Shrunk as Shrunk
from .ridge import QuantizedRidge as QuantizedRidge
from .ridge import Ridge as Ridge
from .scalar_codes import EntropyConstrained as EntropyConstrained
from .scalar_codes import UniformQuantizer as UniformQuantizer
