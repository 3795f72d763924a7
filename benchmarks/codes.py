"""Size and speed of the two coders on labels of K-means: bits over the entropy, seconds to code and decode.

python benchmarks/codes.py [--sizes 100000 1000000 10000000] [--clusters 4 16 256]"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ratedist import codes
from ratedist.codes.ans import ans_decode, ans_encode
from ratedist.codes.bitstream import huffman_decode, huffman_encode
from ratedist.quantizers import Lloyd, kmeans
from ratedist.units import nats_to_bits

CODERS = {"huffman": (huffman_encode, huffman_decode), "ans": (ans_encode, ans_decode)}


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the fastest of three runs, and the result."""
    seconds, result = [], None
    for _ in range(3):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def main() -> None:
    """Print a line for every size, number of clusters and coder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**5, 10**6, 10**7])
    parser.add_argument("--clusters", type=int, nargs="+", default=[4, 16, 256])
    options = parser.parse_args()
    print("labels      K    coder    bits a label  entropy  over it   encode s  decode s")
    for size in options.sizes:
        weights = np.random.default_rng(0).standard_t(4, size)
        for num_clusters in options.clusters:
            quantized = kmeans(weights, num_clusters, method=Lloyd(max_iterations=20))
            labels, counts = quantized.labels, quantized.counts
            entropy = float(nats_to_bits(codes.empirical_entropy(counts)))
            for name, (encode, decode) in CODERS.items():
                encoding, payload = timed(lambda encode=encode: encode(labels, counts))  # noqa: B023
                decoding, decoded = timed(lambda decode=decode: decode(payload, counts))  # noqa: B023
                if not np.array_equal(decoded, labels):
                    raise RuntimeError(f"{name} does not decode what it encodes")
                bits = 8 * len(payload) / size
                print(
                    f"{size:<11,} {num_clusters:<4} {name:8} {bits:12.4f} {entropy:8.4f} "
                    f"{bits / entropy - 1:8.3%} {encoding:10.3f} {decoding:9.3f}"
                )


if __name__ == "__main__":
    main()
