"""Claims about bits and time: the compression ratio (39), and the cost of Algorithm 1."""

from __future__ import annotations

import heapq
import itertools
from math import factorial, prod

import numpy as np

from ratedist import codes
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import Evidence
from ratedist.claims.numbers import AT_LEAST, AT_MOST, EQUAL, Course, Numbers, computed, numbers, trend
from ratedist.quantizers import kmeans

CENTER_BITS = 32
# Counted operations that do not grow with the size, relative.
CONSTANT_TERMS = 0.02


def equation39(evidence: Evidence) -> Numbers:
    """A quantised layer written out bit by bit, read back, and its cost found without any code at all."""
    generator, checks = evidence.generator("compression ratio"), []
    for K, d in ((2, 400), (7, 3000), (16, 3000)):
        run = kmeans(generator.standard_normal(d), K, method="optimal")
        counts = np.bincount(run.labels, minlength=K)
        stream, lengths = _written(run.labels, counts)
        unread = int(np.sum(_read(stream, lengths, d) != run.labels))
        ratio = codes.compression_ratio(counts, CENTER_BITS)
        size = (len(stream) + K * CENTER_BITS) / (d * CENTER_BITS)
        cost = _least_cost(counts)
        label = f"K = {K}, d = {d}"
        entropy = float(-counts @ np.log2(counts / d))
        checks += [
            computed(f"labels read back wrongly, {label}", EQUAL, 0.0, unread, 0.0),
            computed(f"(39), {label}, against bits written", EQUAL, size, ratio, 1e-12),
            computed(
                f"Σ|C_k| b_k, {label}, against the sum of merged weights", EQUAL, cost, len(stream), 0.0
            ),
            computed(f"Σ|C_k| b_k, {label}, against d·H", AT_LEAST, entropy, len(stream), 1e-9),
        ]
    return numbers(
        checks, "labels in canonical Huffman code and K centres of 32 bits, over d weights of 32 bits"
    )


def equation39_decodable(evidence: Evidence) -> Numbers:
    """Kraft's sum over all label sequences: above 1, no code has these lengths."""
    checks = [
        computed(
            f"Kraft's sum of the lengths Σ|C_k| b_k, K = {K}, d = {d}", AT_MOST, 1.0, _kraft(K, d, 0.0), 1e-9
        )
        for K, d in ((2, 8), (3, 8), (8, 10))
    ]
    parts = ", ".join(f"{one.estimate:.3g}" for one in checks)
    return numbers(
        checks,
        f"Kraft's sums are {parts}: the decoder is not told the code lengths b_k, which (39) leaves out",
    )


def decodable_length(evidence: Evidence) -> Numbers:
    checks = [
        computed(
            f"Kraft's sum of Σ|C_k| b_k + K⌈log₂ K⌉, K = {K}, d = {d}",
            AT_MOST,
            1.0,
            _kraft(K, d, codes.header_bits(K, K) - np.log2(K)),
            1e-9,
        )
        for K, d in ((2, 8), (3, 8), (8, 10))
    ]
    return numbers(checks, "K itself known; log₂ K_max bits more where it is not")


def same_time(evidence: Evidence) -> Numbers:
    """Numbers computed by Algorithm 1 as printed, with the regulariser over without."""
    sizes = (128, 256, 512, 1024)
    checks, notes = [], []
    for label, clusters in (("K = 16", lambda size: 16), ("K = d′/4", lambda size: size // 4)):
        ratios = []
        for size in sizes:
            blocks = evidence.generator("operations").standard_normal((size, 2))
            with_penalty, without = (counted_algorithm1(blocks, clusters(size), beta) for beta in (1.0, 0.0))
            ratios.append(with_penalty / without)
        checks += [
            trend(
                f"operations with the regulariser over without, doubled d′, m = 2, {label}",
                Course.BOUNDED,
                sizes,
                ratios,
                CONSTANT_TERMS,
            ),
            computed(f"the same at d′ = {sizes[-1]}, {label}", AT_MOST, 2.0, ratios[-1], 0.0),
        ]
        notes.append(f"{ratios[0]:.3f} to {ratios[-1]:.3f} for {label}")
    return numbers(
        checks,
        f"an iteration costs O(d′Km), and the farthest pair O(K²m) beside it: ratio {'; '.join(notes)}",
    )


def counted_algorithm1(blocks: np.ndarray, num_clusters: int, penalty: float, iterations: int = 3) -> int:
    """Algorithm 1 as printed with H = I, counting the numbers it computes.

    Args:
        blocks: shape ``(d′, m)``.
        num_clusters: K.
        penalty: β; at 0 the original algorithm, with no pair to find.
        iterations: T.
    """
    centers, operations, pair = blocks[:num_clusters].copy(), 0, [0, 0]
    for _ in range(iterations):
        distances = (blocks[:, None] - centers) ** 2  # (36)
        labels = np.argmin(distances.sum(axis=2), axis=1)
        operations += 2 * distances.size
        mass = np.bincount(labels, minlength=num_clusters).astype(float)
        sums = np.zeros_like(centers)
        np.add.at(sums, labels, blocks)
        operations += blocks.size + labels.size
        if penalty > 0:
            first, second = np.triu_indices(num_clusters, 1)
            apart = (centers[first] - centers[second]) ** 2
            farthest = int(np.argmax(apart.sum(axis=1)))
            operations += 2 * apart.size
            pair = [first[farthest], second[farthest]]
        means = np.where(mass[:, None] > 0, sums / np.maximum(mass, 1)[:, None], centers)  # (38)
        operations += 2 * means.size
        if penalty > 0:  # (37), both equations at once
            matrix = np.diag(mass[pair] + penalty) - penalty * (1 - np.eye(2))
            means[pair] = np.linalg.solve(matrix, sums[pair])
            operations += 4 * means.shape[1] + 8
        centers = means
    return operations


def _written(labels: np.ndarray, counts: np.ndarray) -> tuple[str, np.ndarray]:
    lengths = codes.huffman_lengths(counts)
    words = [
        format(int(word), f"0{length}b") if length else ""
        for word, length in zip(codes.huffman_codewords(lengths), lengths, strict=True)
    ]
    return "".join(words[label] for label in labels), lengths


def _read(stream: str, lengths: np.ndarray, num_labels: int) -> np.ndarray:
    """By the code lengths alone, one bit after the other."""
    words = codes.huffman_codewords(lengths)
    book = {format(int(w), f"0{n}b"): k for k, (w, n) in enumerate(zip(words, lengths, strict=True)) if n}
    labels, word = [], ""
    for bit in stream:
        word += bit
        if word in book:
            labels.append(book[word])
            word = ""
    return np.array(labels + [-1] * (num_labels - len(labels)))[:num_labels]


def _least_cost(counts: np.ndarray) -> int:
    """Huffman's cost is the sum of the weights of all mergers of the two lightest."""
    heap, cost = [int(count) for count in counts if count], 0
    heapq.heapify(heap)
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        cost += merged
        heapq.heappush(heap, merged)
    return cost


def _kraft(num_clusters: int, num_weights: int, header: float) -> float:
    """``Σ 2^−length`` over the K^d label sequences, those of equal counts together."""
    total = 0.0
    for cuts in itertools.combinations(range(num_weights + num_clusters - 1), num_clusters - 1):
        edges = (-1, *cuts, num_weights + num_clusters - 1)
        counts = [after - before - 1 for before, after in itertools.pairwise(edges)]
        sequences = factorial(num_weights) // prod(factorial(count) for count in counts)
        total += sequences * 2.0 ** -(_least_cost(np.array(counts)) + header)
    return total


CLAIMS = [
    Claim(
        "equation-39", "Compression ratio = (Σ_k |C_k| b_k + Kb)/(db), b_k by a Huffman code.",
        "§7, (39)", "", "scalars, b = 32", Verdict.HOLDS, equation39,
    ),
    Claim(
        "equation-39-decodable",
        "Labels can be sent in Σ_k |C_k| b_k bits, Huffman lengths of their own counts.",
        "§7, (39)", "", "decoder knows d, K and the centres", Verdict.FAILS, equation39_decodable,
    ),
    Claim(
        "decodable-length", "K⌈log₂ K⌉ bits more, for the code lengths, make them decodable.",
        "", "", "decoder knows d, K and the centres", Verdict.HOLDS, decodable_length,
    ),
    Claim(
        "same-time", "The regularised algorithm has the time complexity of the original K-means algorithm.",
        "§6.2, before Algorithm 1", "", "K ≤ d′, a fixed number of iterations", Verdict.HOLDS, same_time,
    ),
]  # fmt: skip
