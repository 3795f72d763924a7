"""Compression ratios: compressed over original size, below one where something is gained."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ratedist.container import Sizes


@dataclasses.dataclass(frozen=True)
class Ratios:
    """Compression ratios, compressed over original size; ``None`` where nothing is there to compress.

    Attributes:
        entropy: labels at their entropy and codebooks, over the weights of the compressed tensors.
        huffman: labels in Huffman code and codebooks, over the same: eq. (39) of Entropy 2021.
        bytes_on_disk: bytes of the file over bytes of all tensors, compressed or not.
    """

    entropy: float | None
    huffman: float | None
    bytes_on_disk: float | None

    @classmethod
    def of(cls, sizes: Sequence[Sizes], file_bytes: int, all_bytes: int) -> Ratios:
        """Those of a file.

        Args:
            sizes: of the compressed tensors.
            file_bytes: of the file.
            all_bytes: of all tensors, reconstructed.
        """
        return cls(
            entropy_ratio(sizes) if sizes else None,
            huffman_ratio(sizes) if sizes else None,
            file_bytes / all_bytes if all_bytes else None,
        )

    def __str__(self) -> str:
        weights, Huffman, everything = (
            "–" if value is None else format(value, ".5f")
            for value in (self.entropy, self.huffman, self.bytes_on_disk)
        )
        return (
            f"compression ratios, size after over size before: {everything} the file over all tensors; "
            f"quantised weights alone {weights} with labels at their entropy, {Huffman} in Huffman code"
        )


def entropy_ratio(sizes: Sequence[Sizes]) -> float:
    """Labels at their entropy and codebooks, over the weights of the compressed tensors."""
    return sum(s.entropy + s.codebook for s in sizes) / sum(s.original for s in sizes)


def huffman_ratio(sizes: Sequence[Sizes]) -> float:
    """Labels in Huffman code and codebooks, over the same: Entropy 2021 eq. (39)."""
    return sum(s.huffman + s.codebook for s in sizes) / sum(s.original for s in sizes)
