"""Claims of section 7 on blocks (Figure 5) and sweeps of β (Figure 6), and the control: calibration."""

from __future__ import annotations

import itertools

import numpy as np

from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import SampleMean, sample_mean
from ratedist.claims.network_tables import (
    MNIST,
    PRICE,
    Networks,
    Point,
    change,
    from_table,
    size,
    weighted,
)
from ratedist.claims.numbers import AT_LEAST, AT_MOST, Numbers, Relation, numbers, simulated

# Values of β that make a sweep.
MIN_PENALTIES = 3


def _blocks(num_clusters: int, penalty: float = 0.0) -> Point:
    return weighted(num_clusters, penalty, 2)


@from_table("mnist")
def figure5_blocks(networks: Networks) -> Numbers:
    """Blocks of two with K² centres against scalars with K, where the blocks' ratio is no smaller."""
    checks, notes = [], []
    for beta in (0.0, PRICE["mnist"]):
        for K in (5, 6, 7):
            block, scalar = _blocks(K**2, beta), weighted(K, beta)
            checks.append(change(networks, "test_loss", AT_MOST, block, scalar))
            ratios = (float(networks.of(one, "huffman_ratio").mean()) for one in (block, scalar))
            notes.append(" against ".join(f"{100 * ratio:.1f}%" for ratio in ratios))
    return numbers(checks, f"{size(networks)}; ratios {', '.join(notes)}; one k-means++ start for blocks")


@from_table("mnist")
def figure5_regularizer(networks: Networks) -> Numbers:
    checks = [
        change(networks, "test_loss", AT_MOST, _blocks(K, PRICE["mnist"]), _blocks(K))
        for K in (16, 25, 36, 49)
    ]
    return numbers(checks, size(networks))


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
        change(networks, quantity, relation, weighted(7, more), weighted(7, less))
        for less, more in itertools.pairwise(penalties)
    ]
    return numbers(checks, f"{size(networks)}; β in {', '.join(f'{beta:g}' for beta in penalties)}")


@from_table("mnist")
def figure6_cross_validation(networks: Networks) -> Numbers:
    """Every network takes the β of least loss on its held-out images; judged on the test set."""
    penalties = _penalties(networks)
    held_out = np.array([networks.of(weighted(7, beta), "holdout_loss") for beta in penalties])
    test = np.array([networks.of(weighted(7, beta), "test_loss") for beta in penalties])
    choice = np.argmin(held_out, axis=0)
    gain: SampleMean = sample_mean(test[choice, np.arange(choice.size)] - test[0])
    chosen = float(np.median(np.array(penalties)[choice]))
    label = "population risk at the β chosen on held-out images, minus β = 0"
    return numbers([simulated(label, AT_MOST, 0.0, gain)], f"{size(networks)}; median choice β = {chosen:g}")


@from_table("mnist")
def calibration(networks: Networks) -> Numbers:
    """The control that the papers lack: one temperature for every network, fitted on held-out images."""
    points = [*(Point("kmeans", K) for K in (4, 5, 7)), *(weighted(7, beta) for beta in (0.0, 50.0, 500.0))]
    raw = [networks.change("test_loss", point).mean for point in points]
    return numbers(
        [change(networks, "calibrated_test_loss", AT_LEAST, point) for point in points],
        f"{size(networks)}; raw, the same are below the original by {-max(raw):.3f} to {-min(raw):.3f}, "
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


CLAIMS = [
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
