"""Coders of labels of K-means: bytes over the entropy, and million labels a second of processor time.

python benchmarks/codes.py [--sizes 100000 1000000 10000000] [--clusters 4 16 256]

The general compressors get ⌊8/⌈log₂K⌉⌋ labels a byte; putting them together and taking them apart is in their
time. zstd needs the package zstandard, and ans the package constriction. Counts of the labels are not in the
sizes. For K > 16 a file has the code huffman; up to 16, packed."""

from __future__ import annotations

import argparse
import importlib.util
import lzma
import os
import time
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ratedist import codes
from ratedist.codes.ans import ans_decode, ans_encode
from ratedist.codes.bitstream import huffman_decode, huffman_encode
from ratedist.codes.packed import packed_decode, packed_encode
from ratedist.quantizers import Lloyd, kmeans
from ratedist.units import nats_to_bits


class Coder(NamedTuple):
    """Labels and counts in, bytes out; bytes and counts in, labels out."""

    encode: Callable[[np.ndarray, np.ndarray], bytes | None]
    decode: Callable[[bytes, np.ndarray], np.ndarray]


def together(num_clusters: int) -> int:
    """Labels that are in one byte."""
    return max(8 // (num_clusters - 1).bit_length(), 1)


def general(compress: Callable[[Any], bytes], decompress: Callable[[bytes], bytes]) -> Coder:
    """A compressor of bytes as one of labels."""

    def encode(labels: np.ndarray, counts: np.ndarray) -> bytes:
        p = together(counts.size)
        filled = np.zeros(-(-labels.size // p) * p, np.uint8)
        filled[: labels.size] = labels
        packed = filled[::p].copy()
        for place in range(1, p):
            packed = packed << np.uint8(8 // p) | filled[place::p]
        return compress(packed.tobytes())

    def decode(payload: bytes, counts: np.ndarray) -> np.ndarray:
        p = together(counts.size)
        packed = np.frombuffer(decompress(payload), np.uint8)
        shifts = np.arange(p - 1, -1, -1, dtype=np.uint8) * np.uint8(8 // p)
        table = (np.arange(256, dtype=np.uint8)[:, None] >> shifts) & np.uint8(2 ** (8 // p) - 1)
        return table[packed].reshape(-1)[: counts.sum()]

    return Coder(encode, decode)


def coders() -> dict[str, Coder]:
    """All that there are here, by name."""
    found = {"huffman": Coder(huffman_encode, huffman_decode), "packed": Coder(packed_encode, packed_decode)}
    if importlib.util.find_spec("constriction"):
        found["ans"] = Coder(ans_encode, ans_decode)
    if importlib.util.find_spec("zstandard"):
        zstandard = importlib.import_module("zstandard")
        level1 = zstandard.ZstdCompressor(level=1)
        found["zstd -1"] = general(level1.compress, zstandard.ZstdDecompressor().decompress)
    found["deflate"] = general(zlib.compress, zlib.decompress)
    found["lzma"] = general(lambda data: lzma.compress(data, preset=1), lzma.decompress)
    return found


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the fastest of three runs, and the result."""
    seconds, result = [], None
    for _ in range(3):
        start = time.process_time()
        result = run()
        seconds.append(time.process_time() - start)
    return min(seconds), result


def main() -> None:
    """Print a line for every size, number of clusters and coder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**5, 10**6, 10**7])
    parser.add_argument("--clusters", type=int, nargs="+", default=[4, 16, 256])
    options = parser.parse_args()
    print("labels      K    coder    bits a label  entropy  over it   M/s encode  M/s decode")
    for size in options.sizes:
        weights = np.random.default_rng(0).standard_t(4, size)
        for num_clusters in options.clusters:
            quantized = kmeans(weights, num_clusters, method=Lloyd(max_iterations=20))
            labels, counts = quantized.labels, quantized.counts
            entropy = float(nats_to_bits(codes.empirical_entropy(counts)))
            for name, (encode, decode) in coders().items():
                encoding, payload = timed(lambda encode=encode: encode(labels, counts))  # noqa: B023
                if payload is None:
                    continue
                decoding, decoded = timed(lambda decode=decode: decode(payload, counts))  # noqa: B023
                if not np.array_equal(decoded, labels):
                    raise RuntimeError(f"{name} does not decode what it encodes")
                bits = 8 * len(payload) / size
                print(
                    f"{size:<11,} {num_clusters:<4} {name:8} {bits:12.4f} {entropy:8.4f} "
                    f"{bits / entropy - 1:8.3%} {size / encoding / 1e6:12.1f} {size / decoding / 1e6:11.1f}"
                )
    print(
        "load of the machine in the last 1, 5 and 15 minutes:", *(f"{load:.2f}" for load in os.getloadavg())
    )


if __name__ == "__main__":
    main()
