"""Means over networks, and the paired differences that the papers' claims are about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ratedist import _checks

POINT = ["compressor", "num_clusters", "diameter_penalty", "block_length"]
QUANTITIES = [
    "train_loss",
    "holdout_loss",
    "test_loss",
    "generalization_error",
    "calibrated_test_loss",
    "train_accuracy",
    "test_accuracy",
    "temperature",
    "calibration_error",
    "calibrated_calibration_error",
    "entropy_ratio",
    "huffman_ratio",
    "file_ratio",
    "largest_diameter",
    "curvature_error",
]


def summarize(frame: pd.DataFrame) -> pd.DataFrame:
    """Means over networks with their standard errors, one row per point and quantity.

    The standard errors are over networks, which differ in their start and their training images; all are
    tested on the same images, so that what these images have in particular is in every mean alike.

    Args:
        frame: of ``ratedist.experiments.networks.run``, one row per network and point.

    Returns:
        Columns of the point, ``quantity``, ``models``, ``mean``, ``sem``; ``change`` and ``change_sem``
        against the original network, paired; ``effect_of_penalty`` and ``effect_of_penalty_sem`` against the
        same point at β = 0, paired. NaN where there is nothing to compare with.

    Raises:
        ValueError: held-out images that determine no temperature of any network, as trained or by K-means.
    """
    by_kind: Any = frame.groupby(["compressor", "num_clusters"])["calibrated_test_loss"]
    for (compressor, K), losses in by_kind:
        if compressor in ("original", "kmeans") and losses.isna().all():
            which = "as trained" if compressor == "original" else f"by K-means of K = {K}"
            raise ValueError(
                f"the held-out images determine no temperature of any network {which}: it learned nothing, "
                "or makes no mistake on them; change the training or the number of held-out images"
            )
    groups: dict[Any, Any] = {
        point: group.set_index("model") for point, group in frame.groupby(POINT, sort=False)
    }
    original = groups["original", 0, 0.0, 1]
    rows = []
    for point, group in groups.items():
        compressor, K, beta, m = point
        unregularized = groups.get((compressor, K, 0.0, m)) if beta > 0 else None
        for quantity in QUANTITIES:
            values: Any = group[quantity]
            if values.isna().all():
                continue
            differences = {
                "change": original if compressor != "original" else None,
                "effect_of_penalty": unregularized,
            }
            row: dict[str, Any] = dict(zip(POINT, point, strict=True))
            row |= {"quantity": quantity, "models": len(values)}
            row["mean"], row["sem"] = _mean_and_sem(values)
            for name, reference in differences.items():
                paired = None if reference is None else values - reference[quantity]
                row[name], row[f"{name}_sem"] = _mean_and_sem(paired)
            rows.append(row)
    return pd.DataFrame(rows)


def chosen_penalties(frame: pd.DataFrame, num_clusters: int) -> pd.DataFrame:
    """For each network, the β of a sweep with the least loss on its held-out images.

    Args:
        frame: as for ``summarize``.
        num_clusters: K of the sweep, with blocks of one weight.

    Returns:
        One row per network: the row of the point that was chosen.

    Raises:
        ValueError: no such points.
    """
    K = _checks.integer("num_clusters", num_clusters, 1)
    sweep: Any = frame[
        (frame["compressor"] == "hessian_weighted")
        & (frame["num_clusters"] == K)
        & (frame["block_length"] == 1)
    ]
    if sweep.empty:
        raise ValueError(f"there is no Hessian-weighted point of K = {K}")
    return sweep.loc[sweep.groupby("model")["holdout_loss"].idxmin()]


def pooled_diagrams(frame: pd.DataFrame) -> pd.DataFrame:
    """Reliability diagrams over all networks together.

    Args:
        frame: as for ``summarize``, with its column ``diagrams``.

    Returns:
        One row per point, ``logits`` ("raw", or "calibrated" by each network's own temperature) and ``bin``:
        ``count`` of test images, their mean ``confidence`` and ``accuracy``, and the ``gap`` between the two
        with its standard error over networks, ``gap_sem``. Bins nobody falls into are left out.
    """
    rows = []
    groups: Any = frame.groupby(POINT, sort=False)
    for point, group in groups:
        for logits in ("raw", "calibrated"):
            bins = np.array([row[logits] for row in group["diagrams"]], dtype=np.float64)
            counts, confidences, accuracies = bins[:, 0], bins[:, 1], bins[:, 2]
            for place in range(counts.shape[1]):
                count, some = counts[:, place].sum(), counts[:, place] > 0
                if count == 0:
                    continue
                weights = counts[some, place] / count
                gaps = accuracies[some, place] - confidences[some, place]
                row: dict[str, Any] = dict(zip(POINT, point, strict=True))
                row |= {"logits": logits, "bin": place, "count": int(count)}
                row["confidence"] = float(weights @ confidences[some, place])
                row["accuracy"] = float(weights @ accuracies[some, place])
                row["gap"] = float(weights @ gaps)
                # Of a ratio of sums over networks, to first order.
                spread = weights * (gaps - row["gap"])
                n = len(gaps)
                row["gap_sem"] = float(np.sqrt(n / (n - 1) * np.sum(spread**2))) if n > 1 else np.nan
                rows.append(row)
    return pd.DataFrame(rows)


def _mean_and_sem(values: Any) -> tuple[float, float]:
    """Over networks; NaN where nothing is known, and for the error where there is one network alone."""
    known = [] if values is None else values.dropna()
    if len(known) == 0:
        return np.nan, np.nan
    sem = np.std(known, ddof=1) / np.sqrt(len(known)) if len(known) > 1 else np.nan
    return float(np.mean(known)), float(sem)
