"""Claims of sections 1.1 and 7 about trained networks: Figures 1, 3 and 4, from the tables behind them."""

from __future__ import annotations

import itertools

from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.network_tables import (
    MNIST,
    ORIGINAL,
    PRICE,
    Networks,
    Point,
    change,
    from_table,
    size,
    weighted,
)
from ratedist.claims.numbers import (
    AT_LEAST,
    AT_MOST,
    Course,
    Numbers,
    numbers,
    trend,
)

# Standard errors that a mean may be off by in the course of the loss with K.
WIDE = 5.0


@from_table("mnist")
def figure1_tradeoff(networks: Networks) -> Numbers:
    """Step by step from no compression to three clusters."""
    steps = [ORIGINAL, *(Point("kmeans", K) for K in (5, 4, 3))]
    checks = []
    for less, more in itertools.pairwise(steps):
        checks += [
            change(networks, "generalization_error", AT_MOST, more, less),
            change(networks, "train_loss", AT_LEAST, more, less),
        ]
    return numbers(checks, size(networks))


@from_table("mnist")
def figure1_improves(networks: Networks) -> Numbers:
    points = [Point("kmeans", K) for K in (5, 6, 7, 9, 12, 16, 20, 32)]
    ratios = [float(networks.of(point, "huffman_ratio").mean()) for point in points]
    checks = [change(networks, "test_loss", AT_MOST, point) for point in points]
    parts = f"ratios from {100 * ratios[0]:.1f}% to {100 * ratios[-1]:.1f}%"
    return numbers(checks, f"{size(networks)}; {parts}")


@from_table("mnist")
def figure1_converges(networks: Networks) -> Numbers:
    clusters = (5, 7, 12, 20, 32, 256)
    changes = [networks.change("test_loss", Point("kmeans", K)) for K in clusters]
    parts = ", ".join(f"{one.mean:+.4f} at K = {K}" for one, K in zip(changes, clusters, strict=True))
    return numbers(
        [
            trend(
                "|population risk minus the original's| as K grows, K-means",
                Course.VANISHES,
                clusters,
                [abs(one.mean) for one in changes],
                [WIDE * one.sem for one in changes],
            ),
        ],
        f"{size(networks)}; {parts}",
    )


def _tradeoff(networks: Networks, clusters: tuple[int, ...], penalty: float) -> Numbers:
    checks = []
    for K in clusters:
        for beta in (0.0, penalty):
            checks += [
                change(networks, "train_loss", AT_LEAST, weighted(K, beta)),
                change(networks, "generalization_error", AT_MOST, weighted(K, beta)),
            ]
    return numbers(checks, size(networks))


def _below_original(networks: Networks, clusters: tuple[int, ...], penalties: tuple[float, ...]) -> Numbers:
    points = [weighted(K, beta) for beta in penalties for K in clusters]
    changes = [networks.change("test_loss", point) for point in points]
    parts = ", ".join(
        f"{c.mean:+.4f} ± {c.sem:.1g} at K = {p.num_clusters}, β = {p.diameter_penalty:g}"
        for c, p in zip(changes, points, strict=True)
    )
    checks = [change(networks, "test_loss", AT_MOST, point) for point in points]
    return numbers(checks, f"{size(networks)}; {parts}")


def _better(networks: Networks, clusters: tuple[int, ...], penalty: float) -> Numbers:
    checks = [change(networks, "test_loss", AT_MOST, weighted(K, penalty), weighted(K)) for K in clusters]
    return numbers(checks, f"{size(networks)}; at equal K, not at equal ratio")


@from_table("mnist")
def figure3_tradeoff(networks: Networks) -> Numbers:
    return _tradeoff(networks, (4, 7), PRICE["mnist"])


@from_table("mnist")
def figure3_plain_below(networks: Networks) -> Numbers:
    return _below_original(networks, (3, 4, 5, 6, 7, 9, 12, 16, 20), (0.0,))


@from_table("mnist")
def figure3_regularized_below(networks: Networks) -> Numbers:
    return _below_original(networks, (4, 5, 6, 7, 9, 12, 16, 20), (PRICE["mnist"],))


@from_table("mnist")
def figure3_better(networks: Networks) -> Numbers:
    return _better(networks, (3, 4, 5, 6, 7, 9, 12, 16, 20), PRICE["mnist"])


@from_table("cifar10")
def figure4_tradeoff(networks: Networks) -> Numbers:
    return _tradeoff(networks, (4, 6, 8, 16), PRICE["cifar10"])


@from_table("cifar10")
def figure4_below(networks: Networks) -> Numbers:
    return _below_original(networks, (4, 6, 8, 16), (0.0, PRICE["cifar10"]))


@from_table("cifar10")
def figure4_better(networks: Networks) -> Numbers:
    return _better(networks, (4, 6, 8, 16), PRICE["cifar10"])


CIFAR = "CIFAR10; the table has 7 networks, and 50 are needed"

CLAIMS = [
    Claim(
        "figure-1-tradeoff", "With more compression gen decreases and the empirical risk increases.",
        "§1.1, Figure 1", "§1.1, Figure 1", f"{MNIST}, K-means, K = 5, 4, 3", Verdict.HOLDS, figure1_tradeoff,
    ),
    Claim(
        "figure-1-improves", "Above a ratio of 6% the population risk is less than the original's.",
        "Figure 1", "Figure 1", f"{MNIST}, K-means, ratios up to 14%", Verdict.HOLDS, figure1_improves,
    ),
    Claim(
        "figure-1-converges", "With the ratio going to 100% the population risk tends to the original's.",
        "Figure 1", "", f"{MNIST}, K-means, K up to 256", Verdict.LIMIT, figure1_converges,
    ),
    Claim(
        "figure-3-tradeoff",
        "Hessian-weighted K-means, β = 0 and 50, raises the empirical risk and lowers gen.",
        "§7, Figure 3", "§7, Figure 5", f"{MNIST}, K = 4 and 7", Verdict.HOLDS, figure3_tradeoff,
    ),
    Claim(
        "figure-3-plain", "Without penalty its population risk is less than the original's.",
        "§7, Figure 3", "§7, Figure 5", f"{MNIST}, K = 3 to 20, ratios 4% to 11%",
        Verdict.UNDECIDED, figure3_plain_below,
    ),
    Claim(
        "figure-3-regularised", "With β = 50 its population risk is less than the original's.",
        "§7, Figure 3", "§7, Figure 5", f"{MNIST}, K = 4 to 20, ratios 5% to 11%",
        Verdict.HOLDS, figure3_regularized_below,
    ),
    Claim(
        "figure-3-better", "With β = 50 its population risk is less than with β = 0.",
        "§7, Figure 3", "§7, Figure 5", f"{MNIST}, K = 3 to 20", Verdict.HOLDS, figure3_better,
    ),
    Claim(
        "figure-4-tradeoff", "On CIFAR10 too compression raises the empirical risk and lowers gen.",
        "§7, Figure 4", "§7, Figure 6", CIFAR, Verdict.UNDECIDED, figure4_tradeoff,
    ),
    Claim(
        "figure-4-below-original",
        "On CIFAR10 both compressed models have a population risk below the original's.",
        "§7, Figure 4", "§7, Figure 6", CIFAR, Verdict.UNDECIDED, figure4_below,
    ),
    Claim(
        "figure-4-better", "On CIFAR10 β = 25 has a smaller population risk than β = 0.",
        "§7, Figure 4", "§7, Figure 6", CIFAR, Verdict.UNDECIDED, figure4_better,
    ),
]  # fmt: skip
