"""The .rdz file: quantised tensors with their codebooks, and whatever was not quantised, in one file."""

from ratedist.container.quantized_tensor import QuantizedTensor
from ratedist.container.rdz_reader import RdzEntry, RdzFile
from ratedist.container.rdz_writer import RdzWriter
from ratedist.container.tensor_reader import Entry, TensorFile
from ratedist.container.tensor_writer import encode_header, write_tensor_file

__all__ = [
    "Entry",
    "QuantizedTensor",
    "RdzEntry",
    "RdzFile",
    "RdzWriter",
    "TensorFile",
    "encode_header",
    "write_tensor_file",
]
