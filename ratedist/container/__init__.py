"""The .rdz file: quantised tensors with their codebooks, and whatever was not quantised, in one file."""

from ratedist.container.compressed_tensor import CompressedTensor, Sizes
from ratedist.container.file_size import rdz_size
from ratedist.container.quantized_tensor import QuantizedTensor
from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_reader import RdzFile
from ratedist.container.rdz_writer import RdzWriter
from ratedist.container.tensor_reader import Entry, TensorFile
from ratedist.container.tensor_writer import encode_header, write_tensor_file

__all__ = [
    "CompressedTensor",
    "Entry",
    "QuantizedTensor",
    "RdzEntry",
    "RdzFile",
    "RdzWriter",
    "Sizes",
    "TensorFile",
    "encode_header",
    "rdz_size",
    "write_tensor_file",
]
