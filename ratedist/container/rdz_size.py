"""How large a .rdz file will be, without writing it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ratedist.container.quantized_tensor import QuantizedTensor
from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_format import header_of
from ratedist.container.rdz_index import DIGEST_BYTES, encode_index
from ratedist.container.rdz_writer import coded_labels, described
from ratedist.container.tensor_reader import LENGTH_BYTES, Entry

NO_DIGEST = bytes(DIGEST_BYTES)


@dataclasses.dataclass(frozen=True)
class StoredForm:
    """What the size of a file depends on, of one quantised tensor.

    Attributes:
        entry: what the index says of it, with an empty digest.
    """

    entry: RdzEntry

    @classmethod
    def of(cls, tensor: QuantizedTensor, coder: str, coded_bytes: int | None = None) -> StoredForm:
        """That of a tensor, its labels coded to know how long their code is, unless that is known."""
        if coded_bytes is None:
            coded_bytes = len(coded_labels(tensor, coder))
        return cls(dataclasses.replace(described(tensor, coder, coded_bytes), digest=NO_DIGEST))

    @property
    def dtype(self) -> str:
        """Safetensors name of the tensor's dtype."""
        return self.entry.dtype

    @property
    def num_bytes(self) -> int:
        """Labels, codebook and counts."""
        return self.entry.num_bytes


def rdz_size(
    quantized: Mapping[str, StoredForm], raw: Mapping[str, Entry], metadata: Mapping[str, str] | None = None
) -> int:
    """Bytes of the file that ``RdzWriter`` writes for these tensors.

    Args:
        quantized: name → what is known of the quantised tensor.
        raw: name → dtype and shape of each tensor that is stored as it is.
        metadata: as given to ``RdzWriter``.
    """
    entries = {name: RdzEntry(entry.dtype, tuple(entry.shape), NO_DIGEST) for name, entry in raw.items()}
    entries |= {name: form.entry for name, form in quantized.items()}
    index = encode_index(metadata or {}, entries)
    data = sum(entry.num_bytes for entry in entries.values())
    return LENGTH_BYTES + len(header_of(data, index)) + len(index) + data
