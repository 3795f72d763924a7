"""Labels at their evidence, by weights that are drawn from the exact posterior and whose bits come back."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from ratedist.codes import LabelMessage, decode_labels, encode_labels, label_initial_bytes
from ratedist.codes.bits_back_frame import unwrap, wrap
from ratedist.codes.bits_back_stack import coder_with
from ratedist.codes.cells import Grid
from ratedist.codes.label_message import FIELDS, KIND, _draw, _Posterior
from ratedist.theory import round_to_grid

pytest.importorskip("constriction")


def data_set(n: int, d: int, seed: int, correlation: float = 0.0):
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((n, d))
    inputs = inputs + correlation * np.cumsum(inputs, axis=1)
    labels = inputs @ generator.standard_normal(d) + 0.8 * generator.standard_normal(n)
    return inputs, labels, generator.bytes(label_initial_bytes(inputs, 0.64, 1.0))


def evidence_bits(inputs, labels, noise_variance, prior_scale, step) -> float:
    """−log₂ of the probability of the labels' cells, the weights averaged out."""
    n = len(labels)
    covariance = noise_variance * np.eye(n) + prior_scale**2 * inputs @ inputs.T
    return -float(multivariate_normal(np.zeros(n), covariance).logpdf(labels) + n * np.log(step)) / np.log(2)


@pytest.mark.parametrize(("n", "d", "correlation"), [(80, 5, 0.0), (60, 12, 0.5), (20, 40, 0.0), (1, 1, 0.0)])
def test_the_net_cost_is_the_evidence_whatever_was_drawn(n, d, correlation) -> None:
    step = 2.0**-6
    for seed in range(2):
        inputs, labels, auxiliary = data_set(n, d, seed, correlation)
        code = encode_labels(inputs, labels, 0.64, 1.0, auxiliary, step)
        message = decode_labels(code.payload, inputs)
        np.testing.assert_array_equal(message.labels, round_to_grid(labels, step))
        np.testing.assert_array_equal(message.weights, code.weights)
        assert message.auxiliary == auxiliary
        truth = evidence_bits(inputs, message.labels, 0.64, 1.0, step)
        # The steps of the weights, an eighth of their scales: δ²/24s² nats of each, of either sign.
        assert code.spent_bits - code.drawn_bits == pytest.approx(truth, abs=0.01 * d**0.5 + 0.01)
        # In whole words.
        assert code.net_bits - code.header_bits == pytest.approx(truth, abs=64)


def test_the_draws_are_the_posterior() -> None:
    """Mean and covariance of 100 draws of three correlated weights, each within four standard errors."""
    inputs, labels, _ = data_set(30, 3, 5, correlation=2.0)
    posterior, grid = _Posterior.given(inputs, labels, 0.64, 1.0), Grid(2.0**-8, 14)
    coder = coder_with(np.random.default_rng(6).bytes(4000))
    draws = np.array([grid.values(_draw(coder, posterior, grid)[0]) for _ in range(100)])
    assert not coder.is_empty()
    covariance = np.linalg.inv(inputs.T @ inputs / 0.64 + np.eye(3))
    mean = covariance @ inputs.T @ labels / 0.64
    scales = np.sqrt(np.diag(covariance))
    assert np.abs(covariance[0, 1]) > 0.3 * scales[0] * scales[1]
    assert np.all(np.abs(draws.mean(axis=0) - mean) <= 4 * scales / 100**0.5)
    spread = (draws - mean).T @ (draws - mean) / 100
    errors = np.sqrt((np.outer(scales**2, scales**2) + covariance**2) / 100)
    assert np.all(np.abs(spread - covariance) <= 4 * errors)


INPUTS, LABELS, AUXILIARY = data_set(12, 3, 7)


@pytest.fixture(scope="module")
def payload() -> bytes:
    return encode_labels(INPUTS, LABELS, 0.64, 1.0, AUXILIARY, 2.0**-5).payload


def test_every_flipped_bit_and_every_cut_is_an_error(payload) -> None:
    for position in range(len(payload)):
        changed = bytearray(payload)
        changed[position] ^= 1 << (position % 8)
        for other in (bytes(changed), payload[:position]):
            with pytest.raises(ValueError, match="bits-back message"):
                decode_labels(other, INPUTS)


def test_damage_under_a_right_digest_and_other_inputs_are_seen_by_the_content(payload) -> None:
    fields, words = unwrap(payload, KIND)
    for position in range(len(words)):
        changed = words.copy()
        changed[position] ^= np.uint32(1 << (5 * position % 32))
        for other in (changed, words[:position]):
            with pytest.raises(ValueError, match="does not decode"):
                decode_labels(wrap(KIND, fields, other), INPUTS)
    for inputs in (1.01 * INPUTS, INPUTS[::-1], -INPUTS):
        with pytest.raises(ValueError, match="does not decode"):
            decode_labels(payload, inputs)
    with pytest.raises(ValueError, match=r"sender's shape, \(12, 3\), got \(3, 12\)"):
        decode_labels(payload, INPUTS.T)
    for place, value, message in ((0, 0.0, "noise_variance"), (1, np.nan, "prior_scale"), (2, -1.0, "step")):
        values = list(FIELDS.unpack(fields))
        values[place] = value
        with pytest.raises(ValueError, match=message):
            decode_labels(wrap(KIND, FIELDS.pack(*values), words), INPUTS)
    with pytest.raises(ValueError, match="not those of labels"):
        decode_labels(wrap(KIND, fields[:-1], words), INPUTS)


def test_the_last_digits_of_linear_algebra_do_not_matter(payload) -> None:
    """Another order of the samples adds up in another order: inputs that differ by rounding decode."""
    message = decode_labels(payload, INPUTS * (1 + 1e-15))
    assert isinstance(message, LabelMessage)
    assert message.auxiliary == AUXILIARY


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((INPUTS, LABELS[:3], 1.0, 1.0, AUXILIARY, 0.1), r"labels must have shape \(12,\)"),
        ((INPUTS[0], LABELS, 1.0, 1.0, AUXILIARY, 0.1), r"inputs must have shape \(n, d\)"),
        ((INPUTS, LABELS, 0.0, 1.0, AUXILIARY, 0.1), "noise_variance must be one number above zero"),
        ((INPUTS, LABELS, 1.0, -1.0, AUXILIARY, 0.1), "prior_scale must be one number above zero"),
        ((INPUTS, LABELS, 1.0, 1.0, b"", 0.1), "auxiliary must have enough bits"),
        ((INPUTS, LABELS, 1.0, 1.0, AUXILIARY, 0.0), "label_step must be one number above zero"),
        ((INPUTS, LABELS, 1.0, 1.0, AUXILIARY, 0.1, 0.0), "weight_step must be one number above zero"),
        ((INPUTS, LABELS, 1.0, 1.0, AUXILIARY, 1e-20), "a larger step is needed"),
        ((INPUTS, LABELS, 1.0, 1e-200, AUXILIARY, 0.1), "must be finite"),
        ((np.ones((12, 3)), LABELS, 1.0, 1e30, AUXILIARY, 0.1), "positive definite"),
    ],
)
def test_bad_input_is_refused_in_words(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        encode_labels(*arguments)
