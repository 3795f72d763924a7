# Every public name of ``ratedist.container``, once: read by type checkers and by ``lazy_loader``.
from .compressed_tensor import CompressedTensor as CompressedTensor
from .compressed_tensor import Sizes as Sizes
from .factored_tensor import FactoredTensor as FactoredTensor
from .file_size import rdz_size as rdz_size
from .pruned_tensor import PrunedTensor as PrunedTensor
from .quantized_tensor import QuantizedTensor as QuantizedTensor
from .rdz_entry import RdzEntry as RdzEntry
from .rdz_reader import RdzFile as RdzFile
from .rdz_writer import RdzWriter as RdzWriter
from .tensor_reader import Entry as Entry
from .tensor_reader import TensorFile as TensorFile
from .tensor_writer import encode_header as encode_header
from .tensor_writer import write_tensor_file as write_tensor_file
from .trellis_tensor import TrellisTensor as TrellisTensor
