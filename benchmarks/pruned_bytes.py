"""Bits a weight of pruned tensors: zero as one symbol of the code, and its places coded apart.

    python benchmarks/pruned_bytes.py [--weights 100000] [--clusters 16]

Normal weights, those of least magnitude set to zero, the others by K-means. "one code" is a quantised tensor
whose codebook has the zero too; "apart" is the pruned tensor of a .rdz file, runs between marks and then the
labels. Both count their tables and codebooks. "ideal" is d·H of the labels with zero among them."""

from __future__ import annotations

import argparse
import math

import numpy as np

import ratedist as rd
from ratedist.codes import empirical_entropy
from ratedist.container import PrunedTensor, QuantizedTensor
from ratedist.tensors import compress_tensor

SHARES = (0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99)


def one_code(tensor: PrunedTensor) -> QuantizedTensor:
    """The same weights with a codebook that holds the zero."""
    labels = np.zeros(tensor.num_weights, np.min_scalar_type(tensor.num_clusters))
    labels[tensor.kept] = tensor.values.labels + np.uint8(1)
    codebook = np.append(np.zeros(1, tensor.values.codebook.dtype), tensor.values.codebook)
    return QuantizedTensor(labels, codebook, tensor.shape, tensor.dtype)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=int, default=100_000)
    parser.add_argument("--clusters", type=int, default=16)
    options = parser.parse_args()
    weights = np.random.default_rng(0).normal(size=options.weights).astype(np.float32)
    print("| zeros | one code, Huffman | apart, Huffman | one code, ANS | apart, ANS | ideal |")
    print("| --- | --- | --- | --- | --- | --- |")
    for share in SHARES:
        config = rd.QuantizationConfig(num_clusters=options.clusters, prune=share)
        apart = compress_tensor(weights, config)
        assert isinstance(apart, PrunedTensor)
        together = one_code(apart)
        np.testing.assert_array_equal(together.reconstruction(), apart.reconstruction())
        bits = [
            8 * tensor.stored(coder).entry.num_bytes / options.weights
            for coder in ("huffman", "ans")
            for tensor in (together, apart)
        ]
        ideal = empirical_entropy(together.counts) / math.log(2)
        print(f"| {share:.0%} | " + " | ".join(f"{number:.3f}" for number in (*bits, ideal)) + " |")


if __name__ == "__main__":
    main()
