"""How far the confidence of a classifier can be trusted, and the one number that mends most of it.

Cross-entropy rewards accuracy and punishes over-confidence. A network whose weights shrink becomes less
confident, so that its cross-entropy may fall with nothing learnt: dividing the logits by a temperature,
fitted on held-out data, does the same to any network, and leaves every decision as it was. What a
compression gains beside that control is more than calibration.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import softmax

from ratedist import _checks
from ratedist.estimate import Estimate
from ratedist.networks.losses import checked_logits, evaluate

BINNINGS = ("equal-width", "equal-mass")


@dataclasses.dataclass(frozen=True)
class TemperatureFit:
    """The temperature that minimises a cross-entropy.

    Attributes:
        temperature: T; logits divided by it are calibrated as well as one number can.
        standard_error: of T, from the samples it was fitted on (the sandwich estimate); NaN at the edge.
        loss: mean cross-entropy at T on these samples, nats.
        at_edge: whether T is an end of the bracket, because the loss still falls there: samples that are
            all classified correctly ask for T → 0, and logits worse than none for T → ∞.
    """

    temperature: float
    standard_error: float
    loss: float
    at_edge: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Reliability:
    """Bins of samples by confidence, the largest probability; the columns of a reliability diagram.

    Attributes:
        lower: confidence at which a bin starts, shape ``(bins,)``.
        upper: confidence at which it ends.
        count: samples in it.
        confidence: their mean confidence; NaN where there are none.
        accuracy: part of them that is classified correctly.
        confidence_sem: standard error of ``confidence``; NaN for fewer than two samples.
        accuracy_sem: standard error of ``accuracy``; 0 where all or none are correct.
    """

    lower: np.ndarray
    upper: np.ndarray
    count: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    confidence_sem: np.ndarray
    accuracy_sem: np.ndarray

    @property
    def expected_calibration_error(self) -> float:
        """``Σ_b (n_b/n) |accuracy_b − confidence_b|``: Guo et al., ICML 2017, eq. (3).

        The absolute value makes noise count, too: for a calibrated classifier it is above zero, by about
        ``√(bins / samples)`` times a number below one.
        """
        filled = self.count > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(np.sum(gaps * self.count[filled]) / self.count.sum())


def fit_temperature(
    logits: ArrayLike, labels: ArrayLike, bracket: tuple[float, float] = (1e-2, 1e2)
) -> TemperatureFit:
    """Temperature T that minimises the mean cross-entropy of ``logits / T``: Guo et al., ICML 2017, eq. (9).

    The loss is convex in ``s = 1/T`` with derivative ``mean(Σ_c p_c z_c − z_y)``, whose only root is found.

    Args:
        logits: z, shape ``(samples, classes)``, of samples that the network was not trained on.
        labels: y, integers of shape ``(samples,)``.
        bracket: smallest and largest T.

    Raises:
        ValueError: shapes that disagree, logits that are not finite, labels that are no classes, a bracket
            that is not two rising numbers above zero.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> logits = [[2.0, 0.0]] * 4  # as confident for one that is wrong
        >>> fit = rd.networks.fit_temperature(logits, labels=[0, 0, 0, 1])
        >>> bool(abs(fit.temperature - 2 / np.log(3)) < 1e-9)  # the confidence is ¾ then, as the accuracy
        True
    """
    z, y = checked_logits(logits, labels)
    low, high = (_checks.positive_number("bracket", end) for end in bracket)
    if low >= high:
        raise ValueError(f"bracket must be two rising numbers, got {bracket}")
    own = np.take_along_axis(z, y[:, None], axis=1)[:, 0]
    z = z - own[:, None]  # so that no digits are lost to a common offset

    def scores(s: float) -> np.ndarray:
        return np.sum(softmax(s * z, axis=1) * z, axis=1)

    def slope(s: float) -> float:
        return float(scores(s).mean())

    at_edge = True
    if slope(1 / high) >= 0:
        temperature = high
    elif slope(1 / low) <= 0:
        temperature = low
    else:
        temperature = 1 / float(brentq(slope, 1 / high, 1 / low, xtol=1e-14, rtol=1e-14))  # pyright: ignore[reportArgumentType]
        at_edge = False
    s = 1 / temperature
    p = softmax(s * z, axis=1)
    curvature = float(np.mean(np.sum(p * z**2, axis=1) - np.sum(p * z, axis=1) ** 2))
    standard_error = math.nan
    if not at_edge:
        standard_error = math.sqrt(np.mean(scores(s) ** 2) / len(z)) / curvature * temperature**2
    return TemperatureFit(temperature, standard_error, evaluate(s * z, y).loss.mean, at_edge)


def calibrated_loss(logits: ArrayLike, labels: ArrayLike, temperature: float) -> Estimate:
    """Mean cross-entropy of ``logits / temperature``, nats, with its standard error over the samples.

    Args:
        logits: shape ``(samples, classes)``, of other samples than T was fitted on.
        labels: integers of shape ``(samples,)``.
        temperature: T, from ``fit_temperature``.

    Raises:
        ValueError: as ``evaluate``; a temperature that is not above zero.
    """
    return evaluate(np.asarray(logits) / _checks.positive_number("temperature", temperature), labels).loss


def reliability(
    logits: ArrayLike, labels: ArrayLike, num_bins: int = 15, binning: str = "equal-width"
) -> Reliability:
    """Accuracy against confidence, bin by bin.

    Args:
        logits: shape ``(samples, classes)``; divide them by a temperature first to see what it does.
        labels: integers of shape ``(samples,)``.
        num_bins: number of bins, ``(b/bins, (b + 1)/bins]`` if of equal width, as Guo et al., ICML 2017.
        binning: "equal-width", or "equal-mass" for bins of as many samples each (to within one; of equal
            confidences on a border some fall on either side).

    Raises:
        ValueError: as ``evaluate``; fewer than one bin, more bins of equal mass than samples, an unknown
            binning.

    Example:
        >>> import ratedist as rd
        >>> bins = rd.networks.reliability([[2.0, 0.0]] * 4, labels=[0, 0, 0, 1], num_bins=2)
        >>> bins.count, bins.accuracy
        (array([0, 4]), array([ nan, 0.75]))
    """
    z, y = checked_logits(logits, labels)
    bins = _checks.integer("num_bins", num_bins, 1)
    confidence = softmax(z, axis=1).max(axis=1)
    correct = (np.argmax(z, axis=1) == y).astype(np.float64)
    edges = np.linspace(0, 1, bins + 1)
    if _checks.one_of("binning", binning, BINNINGS) == "equal-width":
        member = np.searchsorted(edges[1:-1], confidence, side="left")
    else:
        if bins > len(z):
            raise ValueError(f"num_bins must be at most the {len(z)} samples for equal mass, got {bins}")
        parts = np.array_split(np.argsort(confidence, kind="stable"), bins)
        member = np.empty(len(z), np.intp)
        for number, part in enumerate(parts):
            member[part] = number
        starts = confidence[[part[0] for part in parts]]
        edges = np.append(starts, confidence.max())
    count = np.bincount(member, minlength=bins)
    columns = [_bin_moments(values, member, count) for values in (confidence, correct)]
    (confidence_mean, confidence_sem), (accuracy, accuracy_sem) = columns
    return Reliability(edges[:-1], edges[1:], count, confidence_mean, accuracy, confidence_sem, accuracy_sem)


def expected_calibration_error(
    logits: ArrayLike, labels: ArrayLike, num_bins: int = 15, binning: str = "equal-width"
) -> float:
    """Mean distance of accuracy from confidence over bins of confidence, each weighted by its samples.

    It is ``reliability(…).expected_calibration_error``, where the bins are of no interest.

    Args:
        logits: shape ``(samples, classes)``; divide them by a temperature first to see what it does.
        labels: the class of each sample, integers of shape ``(samples,)``.
        num_bins: number of bins of confidence, at least 1.
        binning: "equal-width", or "equal-mass" for bins of as many samples each.

    Raises:
        ValueError: shapes that disagree, logits that are not finite, labels that are no classes, fewer than
            one bin, more bins of equal mass than samples, an unknown binning.

    Example:
        >>> import ratedist as rd
        >>> error = rd.networks.expected_calibration_error([[2.0, 0.0]] * 4, labels=[0, 0, 0, 1])
        >>> f"{error:.4f}"  # confidence 0.8808, accuracy 0.75
        '0.1308'
    """
    return reliability(logits, labels, num_bins, binning).expected_calibration_error


def _bin_moments(values: np.ndarray, member: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and its standard error in each bin; NaN where too few samples are."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(member, values, len(count)) / count
        squares = np.bincount(member, (values - mean[member]) ** 2, len(count))
        sem = np.sqrt(np.where(count > 1, squares / (count - 1) / count, np.nan))
    return mean, sem
