import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from ratedist.networks.calibration import (
    calibrated_loss,
    expected_calibration_error,
    fit_temperature,
    reliability,
)
from ratedist.networks.losses import evaluate


def drawn_from_softmax(samples, temperature=1.0, seed=0):
    """Logits whose labels are drawn from the softmax of ``logits / temperature``."""
    rng = np.random.default_rng(seed)
    logits = 3 * rng.normal(size=(samples, 5))
    p = softmax(logits / temperature, axis=1)
    labels = (rng.random(samples)[:, None] > np.cumsum(p, axis=1)).sum(axis=1)
    return logits, labels.clip(0, 4)


def test_temperature_against_a_grid():
    logits, labels = drawn_from_softmax(300, 2.0)
    fit = fit_temperature(logits, labels)

    def loss(T):
        return -np.mean(log_softmax(logits / T, axis=1)[np.arange(300), labels])

    grid = np.exp(np.linspace(np.log(fit.temperature) - 1, np.log(fit.temperature) + 1, 2001))
    values = [loss(T) for T in grid]
    assert fit.loss == pytest.approx(loss(fit.temperature), rel=1e-12)
    assert fit.loss <= min(values)
    assert abs(np.argmin(values) - 1000) <= 1
    assert not fit.at_edge
    step = 1e-4 * fit.temperature
    assert abs(loss(fit.temperature + step) - loss(fit.temperature - step)) / (2 * step) < 1e-8


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_at(temperature):
    logits, labels = drawn_from_softmax(20_000, temperature)
    fit = fit_temperature(logits, labels)
    assert fit.standard_error < 0.02 * temperature
    assert abs(fit.temperature - temperature) < 4 * fit.standard_error
    assert calibrated_loss(logits, labels, fit.temperature).mean == pytest.approx(fit.loss, rel=1e-13)
    assert fit.loss <= evaluate(logits, labels).loss.mean


def test_the_standard_error_is_what_samples_differ_by():
    fits = [fit_temperature(*drawn_from_softmax(400, 2.0, seed)) for seed in range(100)]
    spread = np.std([fit.temperature for fit in fits], ddof=1)
    claimed = np.mean([fit.standard_error for fit in fits])
    # The spread of 100 is known to 7%.
    assert abs(spread / claimed - 1) < 4 * 0.071


def test_scaled_logits_have_scaled_temperature():
    logits, labels = drawn_from_softmax(300)
    fit, scaled = fit_temperature(logits, labels), fit_temperature(logits * 7 + 1000, labels)
    assert scaled.temperature == pytest.approx(7 * fit.temperature, rel=1e-9)
    assert scaled.standard_error == pytest.approx(7 * fit.standard_error, rel=1e-9)
    assert scaled.loss == pytest.approx(fit.loss, rel=1e-9)


def test_edges_are_reported():
    logits = np.eye(3)
    always_right = fit_temperature(logits, np.arange(3))
    assert always_right.at_edge
    assert always_right.temperature == 0.01
    assert np.isnan(always_right.standard_error)
    always_wrong = fit_temperature(logits, np.array([1, 2, 0]), bracket=(0.5, 8))
    assert (always_wrong.temperature, always_wrong.at_edge) == (8, True)
    for bracket in ((1, 1), (0, 2)):
        with pytest.raises(ValueError, match="bracket must be"):
            fit_temperature(logits, np.arange(3), bracket)
    with pytest.raises(ValueError, match="temperature must be one number above zero"):
        calibrated_loss(logits, np.arange(3), 0)


def two_classes(confidences, accuracies, samples):
    """For each pair as many samples as given, of that confidence, of which that part is correct."""
    logits, labels = [], []
    for confidence, accuracy in zip(confidences, accuracies, strict=True):
        logits.append(np.tile([np.log(confidence / (1 - confidence)), 0.0], (samples, 1)))
        labels.append((np.arange(samples) >= round(accuracy * samples)).astype(int))
    return np.concatenate(logits), np.concatenate(labels)


@pytest.mark.parametrize("binning", ["equal-width", "equal-mass"])
def test_calibration_error_of_constructed_data(binning):
    perfect = two_classes([0.55, 0.75, 0.95], [0.55, 0.75, 0.95], 100)
    assert expected_calibration_error(*perfect, 3, binning) == pytest.approx(0, abs=1e-12)
    sure = two_classes([0.55, 0.75, 0.95], [0.55, 0.65, 0.75], 100)
    bins = 15 if binning == "equal-width" else 3
    assert expected_calibration_error(*sure, bins, binning) == pytest.approx(0.1)
    # One bin sees the means alone.
    crossed = two_classes([0.6, 0.8], [0.8, 0.6], 10)
    assert expected_calibration_error(*crossed, 1, binning) == pytest.approx(0)


def test_reliability_table():
    logits, labels = two_classes([0.6, 0.8], [0.5, 0.75], 40)
    table = reliability(logits, labels, 5)
    np.testing.assert_allclose(table.lower, [0, 0.2, 0.4, 0.6, 0.8])
    # A confidence on a border belongs to the bin below.
    np.testing.assert_array_equal(reliability(np.zeros((4, 2)), np.zeros(4, int), 2).count, [4, 0])
    filled = table.count > 0
    assert table.count.sum() == 80
    np.testing.assert_allclose(table.confidence[filled], [0.6, 0.8])
    np.testing.assert_allclose(table.accuracy[filled], [0.5, 0.75])
    np.testing.assert_allclose(table.accuracy_sem[filled], np.sqrt(np.array([0.25, 0.1875]) / 39), rtol=1e-12)
    np.testing.assert_allclose(table.confidence_sem[filled], 0, atol=1e-12)
    assert np.all(np.isnan(table.accuracy[~filled]))
    assert table.expected_calibration_error == pytest.approx((0.1 + 0.05) / 2)


def test_bins_of_equal_mass():
    logits, labels = drawn_from_softmax(1003)
    table = reliability(logits, labels, 10, "equal-mass")
    assert sorted(set(table.count)) == [100, 101]
    assert np.all(table.lower <= table.confidence)
    assert np.all(table.confidence <= table.upper)
    assert np.all(table.upper[:-1] == table.lower[1:])


def test_a_calibrated_classifier_shows_noise_only():
    logits, labels = drawn_from_softmax(20_000)
    for binning in ("equal-width", "equal-mass"):
        table = reliability(logits, labels, 15, binning)
        used = table.count > 20
        gaps = (table.accuracy - table.confidence)[used]
        assert np.all(np.abs(gaps) < 4 * table.accuracy_sem[used])
        assert table.expected_calibration_error < np.sqrt(15 / 20_000)
        overconfident = reliability(3 * logits, labels, 15, binning)
        assert overconfident.expected_calibration_error > 0.1


def test_bad_bins_are_named():
    logits, labels = drawn_from_softmax(10)
    for arguments, message in (
        ((0,), "num_bins must be at least 1"),
        ((3, "equal"), "binning must be one of"),
        ((11, "equal-mass"), "at most the 10 samples"),
    ):
        with pytest.raises(ValueError, match=message):
            reliability(logits, labels, *arguments)
