# Every public name of ``ratedist.tensors``, once: read by type checkers and by ``lazy_loader``.
from .allocation import Allocation as Allocation
from .allocation import allocate as allocate
from .compression import compress_tensor as compress_tensor
from .config import QuantizationConfig as QuantizationConfig
from .description import TreeDescription as TreeDescription
from .description import tree_bits_back_cost as tree_bits_back_cost
from .description import tree_code_length as tree_code_length
from .inspection import inspect_file as inspect_file
from .model_file import dequantize_file as dequantize_file
from .model_file import quantize_file as quantize_file
from .report import QuantizationReport as QuantizationReport
from .report_of_tree import tree_report as tree_report
from .tensor import quantize_tensor as quantize_tensor
from .tree import QuantizedTree as QuantizedTree
from .tree import quantize_tree as quantize_tree
from .tree_file import load_tree as load_tree
