"""Code lengths: entropy, canonical Huffman, description length (39), centres rounded to b bits."""

from ratedist.codes.description import (
    codebook_bits,
    compression_ratio,
    decodable_length,
    description_length,
    header_bits,
)
from ratedist.codes.entropy import empirical_entropy
from ratedist.codes.huffman import huffman_codewords, huffman_lengths, huffman_payload_bits
from ratedist.codes.rounding import round_to_bits

__all__ = [
    "codebook_bits",
    "compression_ratio",
    "decodable_length",
    "description_length",
    "empirical_entropy",
    "header_bits",
    "huffman_codewords",
    "huffman_lengths",
    "huffman_payload_bits",
    "round_to_bits",
]
