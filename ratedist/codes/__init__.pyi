# Every public name of ``ratedist.codes``, once: read by type checkers and by ``lazy_loader``.
from .bits_back import BitsBackCode as BitsBackCode
from .bits_back import bits_back_decode as bits_back_decode
from .bits_back import bits_back_encode as bits_back_encode
from .bits_back import bits_back_initial_bytes as bits_back_initial_bytes
from .bits_back import bits_back_sample as bits_back_sample
from .bits_back import bits_back_step as bits_back_step
from .description import codebook_bits as codebook_bits
from .description import compression_ratio as compression_ratio
from .description import decodable_length as decodable_length
from .description import description_length as description_length
from .description import header_bits as header_bits
from .entropy import empirical_entropy as empirical_entropy
from .huffman import huffman_codewords as huffman_codewords
from .huffman import huffman_lengths as huffman_lengths
from .huffman import huffman_payload_bits as huffman_payload_bits
from .rounding import round_to_bits as round_to_bits
