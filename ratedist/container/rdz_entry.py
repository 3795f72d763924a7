"""What a .rdz file says of one tensor, whatever the version of the file."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ratedist.codes.bitstream import MAX_SYMBOLS
from ratedist.container.dtypes import CODEBOOK_DTYPES, NAMES, WEIGHT_DTYPES, num_bytes
from ratedist.container.rdz_format import COUNT_DTYPES, STORED_CODERS, least_label_bytes

if TYPE_CHECKING:
    from ratedist.container.rdz_forms import Factors, Trellis, Zeros

# A tensor as it is, and one as labels, codebook and counts. Other kinds are in ``rdz_forms``.
RAW, QUANTIZED = "raw", "quantized"
# Of a limit in a file, bits a weight.
LIMIT_UNIT, MOST_UNITS = 2.0**-12, 65_535


@dataclasses.dataclass(frozen=True, slots=True)
class RdzEntry:
    """One tensor of a .rdz file.

    Attributes:
        dtype: safetensors name.
        shape: of the tensor.
        digest: SHA-256 of its data in the file, 32 bytes; empty while they are not written.
        places: where its data start, counted from the beginning of the file: labels, codebook and counts. Of
            a tensor that is not quantised, the tensor itself, or what ``form`` says.
        coder: "huffman", "packed" or "ans"; ``None`` for a tensor that is not quantised, or that has a
            ``form``.
        coded_bytes: of the labels, without filling.
        num_clusters: K, the larger one of two factors.
        block_length: m.
        codebook_dtype: "float32", "float16" or "bfloat16".
        codebook_shape: ``(K,)`` or ``(K, m)``.
        counts_dtype: safetensors name.
        distortion: ``Σ_j h_j (w_j − ŵ_j)² / d`` as the writer knew it, or ``None``.
        energy: ``Σ_j h_j w_j² / d`` as the writer knew it, or ``None``.
        weighted: whether distortion and energy have importances h, or h = 1; ``None`` if the writer did not
            say.
        bulk_error: relative squared error of most weights, see ``QuantizedTensor.bulk_error``, or ``None``.
        limit: bits a weight that any code of the weights' own law needs at this distortion, as the writer
            knew it, ``in_file``; or ``None``.
        form: of a tensor of another kind, ``Factors``, ``Zeros`` or ``Trellis``; or ``None``.
    """

    dtype: str
    shape: tuple[int, ...]
    digest: bytes = b""
    places: tuple[int, ...] = ()
    coder: str | None = None
    coded_bytes: int = 0
    codebook_dtype: str = ""
    codebook_shape: tuple[int, ...] = ()
    counts_dtype: str = ""
    distortion: float | None = None
    energy: float | None = None
    weighted: bool | None = None
    bulk_error: float | None = None
    limit: float | None = None
    form: Factors | Zeros | Trellis | None = None

    @property
    def kind(self) -> str:
        """What its data are: what they are decoded by."""
        if self.form is not None:
            return self.form.kind
        return RAW if self.coder is None else QUANTIZED

    @property
    def num_weights(self) -> int:
        """d."""
        return math.prod(self.shape)

    @property
    def codes(self) -> tuple[RdzEntry, ...]:
        """The quantised tensors that its data are: itself, those of its form, or none."""
        if self.form is not None:
            return self.form.codes
        return () if self.coder is None else (self,)

    @property
    def coders(self) -> set[str]:
        """Of labels and runs."""
        found = {str(code.coder) for code in self.codes}
        return found if self.form is None else found | self.form.coders

    @property
    def num_clusters(self) -> int:
        """K."""
        if self.form is not None:
            return self.form.num_clusters
        return self.codebook_shape[0] if self.codebook_shape else 0

    @property
    def block_length(self) -> int:
        """m."""
        return max((_block_length(code.codebook_shape) for code in self.codes), default=0)

    @property
    def rank(self) -> int | None:
        """r of a factored tensor."""
        return None if self.form is None else self.form.rank

    @property
    def zeros(self) -> float | None:
        """Part of the weights of a pruned tensor that is set to zero."""
        return None if self.form is None else self.form.zeros(self.num_weights)

    @property
    def num_labels(self) -> int:
        """Symbols that have to be decoded for it."""
        if self.form is not None:
            return self.form.num_labels(self.num_weights)
        return -(-self.num_weights // max(self.block_length, 1))

    @property
    def label_bytes(self) -> int:
        """Bytes of coded labels, without filling."""
        return self.coded_bytes if self.form is None else self.form.label_bytes

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the tensor itself."""
        return num_bytes(self.dtype, self.shape)

    @property
    def part_bytes(self) -> tuple[int, ...]:
        """Bytes of labels, codebook and counts in the file, or of the tensor if it is not quantised."""
        if self.form is not None:
            return self.form.part_bytes(self.num_weights)
        if self.coder is None:
            return (self.decoded_bytes,)
        return (
            max(self.coded_bytes, least_label_bytes(self.num_weights)),
            num_bytes(NAMES[CODEBOOK_DTYPES[self.codebook_dtype]], self.codebook_shape),
            num_bytes(self.counts_dtype, (self.num_clusters,)),
        )

    @property
    def num_bytes(self) -> int:
        """Bytes that its data take in the file."""
        return sum(self.part_bytes)

    @property
    def sha256(self) -> str:
        """The digest in hexadecimal digits."""
        return self.digest.hex()

    def check(self, name: str) -> None:
        """Raise ``ValueError`` where what is said cannot be of any tensor."""
        if self.kind == RAW:
            return
        if self.dtype not in WEIGHT_DTYPES or (self.form is None and self.coder not in STORED_CODERS):
            raise ValueError(f"the description of {name!r:.60} is not that of a quantised tensor")
        shape = self.codebook_shape
        if self.form is not None:
            self.form.check(name, self)
        elif (
            not 1 <= self.num_clusters <= MAX_SYMBOLS
            or len(shape) > 2
            or min(shape) < 1
            or self.counts_dtype not in COUNT_DTYPES
        ):
            raise ValueError(f"codebook and counts of {name!r:.60} do not belong together")
        for number in (self.distortion, self.energy):
            if number is not None and not 0 <= number < math.inf:
                raise ValueError(
                    f"the distortion of {name!r:.60} is not a number from 0 to infinity: {number}"
                )
        if self.bulk_error is not None and not self.bulk_error >= 0:
            raise ValueError(f"the bulk error of {name!r:.60} is not a number from 0 on: {self.bulk_error}")
        if self.limit is not None and not self.limit == in_file(self.limit):
            raise ValueError(f"the limit of {name!r:.60} is not one that a file has: {self.limit}")


def in_file(limit: float) -> float:
    """A limit as a file has it: in 1/4096 bit, rounded down so that it stays one, 65,535 of them at most."""
    return math.floor(min(max(limit / LIMIT_UNIT, 0.0), MOST_UNITS)) * LIMIT_UNIT


def _block_length(codebook_shape: tuple[int, ...]) -> int:
    return codebook_shape[1] if len(codebook_shape) == 2 else 1


def codebook_name(dtype: str) -> str:
    """ "float32", "float16" or "bfloat16" for a safetensors dtype; ``ValueError`` for any other."""
    for name, value in CODEBOOK_DTYPES.items():
        if NAMES[value] == dtype:
            return name
    raise ValueError(f"a codebook of {dtype} is not one")
