"""Compressing the layers of a network: one codebook each, and what that costs."""

from __future__ import annotations

import pathlib
import tempfile
from typing import Any

from ratedist.tensors.tree import QuantizedTree, quantize_tree


def compress_network(
    parameters: Any,
    num_clusters: int,
    importance: Any = None,
    diameter_penalty: float = 0.0,
    block_length: int = 1,
    biases: bool = False,
    relative_penalty: bool = False,
) -> QuantizedTree:
    """Quantise every weight array of a network with K clusters each (K at most its number of blocks).

    Args:
        parameters: ``{layer: {"weight": …, "bias": …}}``.
        num_clusters: K, the same for all layers; a layer with fewer blocks than that is left as it is.
        importance: tree of the same structure; ``None`` for plain K-means.
        diameter_penalty: β, the same for all layers.
        block_length: m.
        biases: whether biases are quantised too.
        relative_penalty: whether β is in units of the total importance of a layer.

    Raises:
        ValueError: as ``quantize_tree``.
    """
    return quantize_tree(
        parameters,
        num_clusters,
        importance=importance,
        diameter_penalty=diameter_penalty,
        relative_penalty=relative_penalty and diameter_penalty > 0,  # zero is zero in any unit
        block_length=block_length,
        include=("*",) if biases else ("*.weight",),
        min_size=1,
    )


def measured(tree: QuantizedTree) -> dict[str, float]:
    """The three compression ratios of a network, its distortion and its largest diameter.

    Returns:
        ``entropy_ratio``, ``huffman_ratio`` (Entropy 2021 eq. 39; of what is quantised), ``file_ratio``
        (bytes of the .rdz file over bytes of all arrays), ``distortion`` (Σ h|w − ŵ|² over all layers) and
        ``largest_diameter``.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "network.rdz"
        tree.save(path)
        file_ratio = tree.bytes_on_disk_ratio(path)
    return {
        "entropy_ratio": tree.entropy_ratio,
        "huffman_ratio": tree.huffman_ratio,
        "file_ratio": file_ratio,
        "distortion": sum(tensor.distortion * tensor.num_weights for tensor in tree.quantized.values()),
        "largest_diameter": max(tensor.diameter for tensor in tree.quantized.values()),
    }
