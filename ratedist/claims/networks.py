"""Claims of sections 1.1 and 7 about trained networks: Figures 1 and 3 to 6, from the tables behind them."""

from __future__ import annotations

import itertools

import numpy as np

from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import SampleMean, sample_mean
from ratedist.claims.network_tables import ORIGINAL, Networks, Point, from_table
from ratedist.claims.numbers import (
    AT_LEAST,
    AT_MOST,
    Comparison,
    Course,
    Numbers,
    Relation,
    numbers,
    simulated,
    trend,
)

PRICED = {"mnist": 50.0, "cifar10": 25.0}
# Values of β that make a sweep.
MIN_PENALTIES = 3
# Standard errors that a mean may be off by in the course of the loss with K.
WIDE = 5.0


def _scalar(num_clusters: int, penalty: float = 0.0) -> Point:
    return Point("hessian_weighted", num_clusters, penalty)


def _blocks(num_clusters: int, penalty: float = 0.0) -> Point:
    return Point("hessian_weighted", num_clusters, penalty, 2)


def _change(
    networks: Networks, quantity: str, relation: Relation, point: Point, other: Point = ORIGINAL
) -> Comparison:
    name = {"train_loss": "empirical risk", "test_loss": "population risk"}.get(
        quantity, quantity.replace("_", " ")
    )
    label = f"{name} of {point}, minus {other}"
    return simulated(label, relation, 0.0, networks.change(quantity, point, other))


@from_table("mnist")
def figure1_tradeoff(networks: Networks) -> Numbers:
    """Step by step from no compression to three clusters."""
    steps = [ORIGINAL, *(Point("kmeans", K) for K in (5, 4, 3))]
    checks = []
    for less, more in itertools.pairwise(steps):
        checks += [
            _change(networks, "generalization_error", AT_MOST, more, less),
            _change(networks, "train_loss", AT_LEAST, more, less),
        ]
    return numbers(checks, _size(networks))


@from_table("mnist")
def figure1_improves(networks: Networks) -> Numbers:
    points = [Point("kmeans", K) for K in (5, 6, 7, 9, 12, 16, 20, 32)]
    ratios = [float(networks.of(point, "huffman_ratio").mean()) for point in points]
    checks = [_change(networks, "test_loss", AT_MOST, point) for point in points]
    parts = f"ratios from {100 * ratios[0]:.1f}% to {100 * ratios[-1]:.1f}%"
    return numbers(checks, f"{_size(networks)}; {parts}")


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
        f"{_size(networks)}; {parts}",
    )


def _tradeoff(networks: Networks, clusters: tuple[int, ...], penalty: float) -> Numbers:
    checks = []
    for K in clusters:
        for beta in (0.0, penalty):
            checks += [
                _change(networks, "train_loss", AT_LEAST, _scalar(K, beta)),
                _change(networks, "generalization_error", AT_MOST, _scalar(K, beta)),
            ]
    return numbers(checks, _size(networks))


def _below_original(networks: Networks, clusters: tuple[int, ...], penalties: tuple[float, ...]) -> Numbers:
    points = [_scalar(K, beta) for beta in penalties for K in clusters]
    changes = [networks.change("test_loss", point) for point in points]
    parts = ", ".join(
        f"{c.mean:+.4f} ± {c.sem:.1g} at K = {p.num_clusters}, β = {p.diameter_penalty:g}"
        for c, p in zip(changes, points, strict=True)
    )
    checks = [_change(networks, "test_loss", AT_MOST, point) for point in points]
    return numbers(checks, f"{_size(networks)}; {parts}")


def _better(networks: Networks, clusters: tuple[int, ...], penalty: float) -> Numbers:
    checks = [_change(networks, "test_loss", AT_MOST, _scalar(K, penalty), _scalar(K)) for K in clusters]
    return numbers(checks, f"{_size(networks)}; at equal K, not at equal ratio")


@from_table("mnist")
def figure3_tradeoff(networks: Networks) -> Numbers:
    return _tradeoff(networks, (4, 7), PRICED["mnist"])


@from_table("mnist")
def figure3_plain_below(networks: Networks) -> Numbers:
    return _below_original(networks, (3, 4, 5, 6, 7, 9, 12, 16, 20), (0.0,))


@from_table("mnist")
def figure3_regularized_below(networks: Networks) -> Numbers:
    return _below_original(networks, (4, 5, 6, 7, 9, 12, 16, 20), (PRICED["mnist"],))


@from_table("mnist")
def figure3_better(networks: Networks) -> Numbers:
    return _better(networks, (3, 4, 5, 6, 7, 9, 12, 16, 20), PRICED["mnist"])


@from_table("cifar10")
def figure4_tradeoff(networks: Networks) -> Numbers:
    return _tradeoff(networks, (4, 6, 8, 16), PRICED["cifar10"])


@from_table("cifar10")
def figure4_below(networks: Networks) -> Numbers:
    return _below_original(networks, (4, 6, 8, 16), (0.0, PRICED["cifar10"]))


@from_table("cifar10")
def figure4_better(networks: Networks) -> Numbers:
    return _better(networks, (4, 6, 8, 16), PRICED["cifar10"])


@from_table("mnist")
def figure5_blocks(networks: Networks) -> Numbers:
    """Blocks of two with K² centres against scalars with K, where the blocks' ratio is no smaller."""
    checks, notes = [], []
    for beta in (0.0, PRICED["mnist"]):
        for K in (5, 6, 7):
            block, scalar = _blocks(K**2, beta), _scalar(K, beta)
            checks.append(_change(networks, "test_loss", AT_MOST, block, scalar))
            ratios = (float(networks.of(one, "huffman_ratio").mean()) for one in (block, scalar))
            notes.append(" against ".join(f"{100 * ratio:.1f}%" for ratio in ratios))
    return numbers(checks, f"{_size(networks)}; ratios {', '.join(notes)}; one k-means++ start for blocks")


@from_table("mnist")
def figure5_regularizer(networks: Networks) -> Numbers:
    checks = [
        _change(networks, "test_loss", AT_MOST, _blocks(K, PRICED["mnist"]), _blocks(K))
        for K in (16, 25, 36, 49)
    ]
    return numbers(checks, _size(networks))


@from_table("mnist")
def figure6_generalization(networks: Networks) -> Numbers:
    return _sweep(networks, "generalization_error", AT_MOST, 0.0)


@from_table("mnist")
def figure6_distortion(networks: Networks) -> Numbers:
    return _sweep(networks, "train_loss", AT_LEAST, 50.0)


def _sweep(networks: Networks, quantity: str, relation: Relation, start: float) -> Numbers:
    penalties = [beta for beta in _penalties(networks) if beta >= start]
    if len(penalties) < MIN_PENALTIES:
        raise LookupError(f"the table has no sweep of β from {start:g} at K = 7")
    checks = [
        _change(networks, quantity, relation, _scalar(7, more), _scalar(7, less))
        for less, more in itertools.pairwise(penalties)
    ]
    return numbers(checks, f"{_size(networks)}; β in {', '.join(f'{beta:g}' for beta in penalties)}")


@from_table("mnist")
def figure6_cross_validation(networks: Networks) -> Numbers:
    """Every network takes the β of least loss on its held-out images; judged on the test set."""
    penalties = _penalties(networks)
    held_out = np.array([networks.of(_scalar(7, beta), "holdout_loss") for beta in penalties])
    test = np.array([networks.of(_scalar(7, beta), "test_loss") for beta in penalties])
    choice = np.argmin(held_out, axis=0)
    gain: SampleMean = sample_mean(test[choice, np.arange(choice.size)] - test[0])
    chosen = float(np.median(np.array(penalties)[choice]))
    label = "population risk at the β chosen on held-out images, minus β = 0"
    return numbers([simulated(label, AT_MOST, 0.0, gain)], f"{_size(networks)}; median choice β = {chosen:g}")


@from_table("mnist")
def calibration(networks: Networks) -> Numbers:
    """The control that the papers lack: one temperature for every network, fitted on held-out images."""
    points = [*(Point("kmeans", K) for K in (4, 5, 7)), *(_scalar(7, beta) for beta in (0.0, 50.0, 500.0))]
    raw = [networks.change("test_loss", point).mean for point in points]
    return numbers(
        [_change(networks, "calibrated_test_loss", AT_LEAST, point) for point in points],
        f"{_size(networks)}; raw, the same are below the original by {-max(raw):.3f} to {-min(raw):.3f}, "
        "so that over-confidence is what compression cured",
    )


def _penalties(networks: Networks) -> list[float]:
    found = sorted(
        point.diameter_penalty
        for point in networks.values
        if (point.compressor, point.num_clusters, point.block_length) == ("hessian_weighted", 7, 1)
    )
    if len(found) < MIN_PENALTIES or found[0] != 0:
        raise LookupError("the table has no sweep of β from 0 at K = 7")
    return found


def _size(networks: Networks) -> str:
    return f"{networks.of(ORIGINAL, 'test_loss').size} networks, paired"


MNIST = "MNIST, 50 networks, the published recipe"
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
    Claim(
        "figure-5-blocks", "Blocks of two improve on scalars, modestly.",
        "§7, Figure 5", "", f"{MNIST}, K² centres against K, at a ratio no smaller",
        Verdict.FAILS, figure5_blocks,
    ),
    Claim(
        "figure-5-regulariser", "The diameter regulariser improves blocks of two as well.",
        "§7, Figure 5", "", f"{MNIST}, K = 16 to 49", Verdict.HOLDS, figure5_regularizer,
    ),
    Claim(
        "figure-6-generalisation", "As β increases gen decreases.",
        "§7, Figure 6", "§7, Figure 7", f"{MNIST}, K = 7", Verdict.HOLDS, figure6_generalization,
    ),
    Claim(
        "figure-6-distortion", "As β increases the distortion in empirical risk increases.",
        "§7, Figure 6", "§7, Figure 7", f"{MNIST}, K = 7, β ≥ 50 (below, less than 50 networks tell)",
        Verdict.HOLDS, figure6_distortion,
    ),
    Claim(
        "figure-6-cross-validation", "Cross-validation finds a β that lowers the population risk.",
        "§7, Figure 6; §6.2", "§7, Figure 7; §6", f"{MNIST}, K = 7, held-out images", Verdict.HOLDS,
        figure6_cross_validation,
    ),
    Claim(
        "network-calibration", "With a temperature each, no compressed network is below the original.",
        "", "", f"{MNIST}, K = 4, 5, 7 and β = 0, 50, 500", Verdict.HOLDS, calibration,
    ),
]  # fmt: skip
