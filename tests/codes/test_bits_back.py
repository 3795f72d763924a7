"""Weights by bits back: net bits against KL, exact round trips, no wrong weights from a damaged message."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist import codes, theory
from ratedist.codes import bits_back_decode, bits_back_encode, bits_back_initial_bytes, bits_back_sample
from ratedist.codes.bits_back import FIELDS, KIND
from ratedist.codes.bits_back_frame import MAGIC, digest, unwrap, wrap
from ratedist.units import nats_to_bits

pytest.importorskip("constriction")
PRIORS = {
    "gaussian": theory.GaussianPrior(0.1),
    "laplace": theory.LaplacePrior(0.07),
    "two_spike": theory.TwoSpikePrior(0.1, 0.03),
}


def posterior(seed: int, size: int):
    generator = np.random.default_rng(seed)
    mean = 0.1 * generator.standard_normal(size)
    scale = 0.1 * np.exp(generator.uniform(np.log(0.02), np.log(0.5), size))
    return mean, scale, generator.bytes(bits_back_initial_bytes(scale))


@pytest.mark.parametrize("name", PRIORS)
def test_net_bits_are_the_divergence_within_a_hundredth(name) -> None:
    mean, scale, auxiliary = posterior(0, 5000)
    prior = PRIORS[name]
    code = bits_back_encode(mean, scale, prior, auxiliary)
    bits = float(nats_to_bits(theory.bits_back_cost(mean, scale, prior).sum()))
    assert code.net_bits - code.header_bits == pytest.approx(bits, rel=0.01)
    # What the coder's probabilities say is what the words are.
    assert code.spent_bits - code.drawn_bits == pytest.approx(code.net_bits - code.header_bits, abs=64)
    assert code.initial_bits >= code.drawn_bits
    weights, returned = bits_back_decode(code.payload, prior, mean, scale)
    np.testing.assert_array_equal(weights, code.weights)
    assert returned == auxiliary
    # The sample is one of the posterior: mean square of 5,000 draws within four standard errors, √(2/5000).
    assert np.mean(((weights - mean) / scale) ** 2) == pytest.approx(1.0, abs=4 * 0.02)


@settings(max_examples=settings().max_examples // 5, deadline=None)
@given(
    st.lists(st.integers(1, 4), max_size=3),
    st.sampled_from(sorted(PRIORS)),
    st.floats(-8, 8),
    st.integers(0, 99),
)
def test_any_shape_any_place_any_width(shape, name, log_scale, seed) -> None:
    generator = np.random.default_rng(seed)
    mean = generator.standard_normal(shape) * 10.0 ** generator.uniform(-2, 2)
    scale = 10.0**log_scale * (1 + generator.random(shape))
    auxiliary = generator.bytes(bits_back_initial_bytes(scale) + seed % 4)
    code = bits_back_encode(mean, scale, PRIORS[name], auxiliary)
    weights, returned = bits_back_decode(code.payload, PRIORS[name], mean, scale)
    assert weights.shape == mean.shape
    np.testing.assert_array_equal(weights, code.weights)
    np.testing.assert_array_equal(bits_back_sample(code.payload, PRIORS[name]), weights)
    assert returned == auxiliary
    assert np.all(np.abs(weights - mean) <= 8 * scale)


def test_one_scale_for_all_and_one_weight() -> None:
    auxiliary = np.random.default_rng(0).bytes(64)
    code = bits_back_encode(0.3, 0.01, PRIORS["gaussian"], auxiliary)
    assert bits_back_decode(code.payload, PRIORS["gaussian"], 0.3, 0.01)[1] == auxiliary
    assert code.weights.shape == ()
    code = bits_back_encode(np.zeros((2, 3)), 0.01, PRIORS["gaussian"], auxiliary)
    assert bits_back_decode(code.payload, PRIORS["gaussian"], np.zeros((2, 3)), 0.01)[1] == auxiliary


def test_a_step_above_the_posterior_is_the_two_part_code_without_refund() -> None:
    """Nothing is drawn, nothing comes back, and the weights take their exact lengths."""
    mean, _, _ = posterior(1, 2000)
    step, prior = 0.01, PRIORS["gaussian"]
    auxiliary = np.random.default_rng(0).bytes(16)
    code = bits_back_encode(mean, 1e-9, prior, auxiliary, step)
    np.testing.assert_array_equal(code.weights, theory.round_to_grid(mean, step))
    assert code.drawn_bits == 0.0
    # Then no auxiliary message is needed at all.
    code = bits_back_encode(mean, 1e-9, prior, b"", step)
    assert code.initial_bits == 0
    lengths = theory.code_length(code.weights, step, prior).sum()
    assert code.spent_bits == pytest.approx(float(nats_to_bits(lengths)), rel=1e-3)
    assert bits_back_decode(code.payload, prior, mean, 1e-9)[1] == b""


def test_a_finer_step_costs_initial_bits_and_no_net_bits() -> None:
    mean, scale, _ = posterior(2, 2000)
    found = []
    for step in (2.0**-12, 2.0**-24, 2.0**-40):
        auxiliary = np.random.default_rng(3).bytes(bits_back_initial_bytes(scale, step))
        code = bits_back_encode(mean, scale, PRIORS["gaussian"], auxiliary, step)
        found.append((code.drawn_bits, code.spent_bits - code.drawn_bits))
    drawn, net = np.array(found).T
    np.testing.assert_allclose(np.diff(drawn), [12 * 2000, 16 * 2000], rtol=0.01)
    np.testing.assert_allclose(net, net[0], rtol=0.01)


def test_far_from_the_prior_the_code_costs_less_than_the_divergence() -> None:
    """Forty scales out the divergence is 800 nats a weight; a decision of the code is never above 24 bits."""
    scale = np.full(50, 0.01)
    auxiliary = np.random.default_rng(4).bytes(bits_back_initial_bytes(scale))
    code = bits_back_encode(np.full(50, 40.0), scale, theory.GaussianPrior(1.0), auxiliary)
    divergence = float(nats_to_bits(theory.bits_back_cost(40.0, 0.01, theory.GaussianPrior(1.0))))
    assert (code.spent_bits - code.drawn_bits) / 50 < divergence / 2
    returned = bits_back_decode(code.payload, theory.GaussianPrior(1.0), np.full(50, 40.0), scale)
    np.testing.assert_array_equal(returned[0], code.weights)


MEAN, SCALE, AUXILIARY = posterior(5, 40)
PRIOR = PRIORS["gaussian"]


@pytest.fixture(scope="module")
def payload() -> bytes:
    return bits_back_encode(MEAN, SCALE, PRIOR, AUXILIARY).payload


def test_every_flipped_bit_and_every_cut_is_an_error(payload) -> None:
    for position in range(len(payload)):
        changed = bytearray(payload)
        changed[position] ^= 1 << (position % 8)
        with pytest.raises(ValueError, match="bits-back message"):
            bits_back_decode(bytes(changed), PRIOR, MEAN, SCALE)
        with pytest.raises(ValueError, match="bits-back message"):
            bits_back_sample(payload[:position], PRIOR)
    with pytest.raises(ValueError, match="damaged"):
        bits_back_decode(payload + b"\0\0\0\0", PRIOR, MEAN, SCALE)


def test_damage_under_a_right_digest_is_seen_by_the_content(payload) -> None:
    """Words changed, dropped, added or swapped by somebody who makes the outer digest right again."""
    fields, words = unwrap(payload, KIND)
    for position in range(len(words)):
        changed = words.copy()
        changed[position] ^= np.uint32(1 << (7 * position % 32))
        others = (changed, words[:position], np.delete(words, position), np.insert(words, position, 7))
        for other in others[position % 2 :: 2]:
            with pytest.raises(ValueError, match="does not decode to what was sent"):
                bits_back_decode(wrap(KIND, fields, other), PRIOR, MEAN, SCALE)


def test_so_few_bits_that_the_message_would_not_bound_the_reading() -> None:
    with pytest.raises(ValueError, match="a smaller step is needed"):
        bits_back_encode(np.zeros(100_000), 1e-9, theory.GaussianPrior(1e-3), b"", 1.0)


def test_other_laws_are_an_error(payload) -> None:
    for prior, mean, scale in (
        (theory.GaussianPrior(0.11), MEAN, SCALE),
        (theory.LaplacePrior(0.1), MEAN, SCALE),
        (PRIOR, MEAN + 1e-4, SCALE),
        (PRIOR, MEAN, 1.001 * SCALE),
        (PRIOR, MEAN[::-1], SCALE),
    ):
        with pytest.raises(ValueError, match="the sender's to the last digit"):
            bits_back_decode(payload, prior, mean, scale)
    with pytest.raises(ValueError, match=r"shape of the weights, \(40,\), got \(4, 10\)"):
        bits_back_decode(payload, PRIOR, MEAN.reshape(4, 10), SCALE.reshape(4, 10))


def test_fields_of_another_make_are_an_error(payload) -> None:
    _, words = unwrap(payload, KIND)
    good = (2.0**-13, 12, len(AUXILIARY), b"x" * 16, 1)
    for values, sizes, message in (
        ((0.0, *good[1:]), (40,), "step must be one number above zero"),
        ((np.nan, *good[1:]), (40,), "step must be finite"),
        ((good[0], 60, *good[2:]), (40,), "depth must be at most"),
        (good, (2**60,), "says that it has 1152921504606846976 weights"),
        ((*good[:4], 3), (40,), "not those of weights"),
        (good, (), "not those of weights"),
    ):
        fields = FIELDS.pack(*values) + struct.pack(f"<{len(sizes)}Q", *sizes)
        with pytest.raises(ValueError, match=message):
            bits_back_sample(wrap(KIND, fields, words), PRIOR)
    with pytest.raises(ValueError, match="of kind 9, not 1"):
        bits_back_sample(wrap(9, b"", words), PRIOR)
    with pytest.raises(ValueError, match="never ends in a word of zeros"):
        bits_back_sample(wrap(KIND, b"", np.append(words, np.uint32(0))), PRIOR)
    content = bytes([KIND, 0, 1, 2, 3])
    with pytest.raises(ValueError, match="4-byte words"):
        bits_back_sample(MAGIC + digest(content) + content, PRIOR)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bits_back_encode(MEAN, SCALE, PRIOR, AUXILIARY[:20]), "auxiliary must have enough bits"),
        (lambda: bits_back_encode(MEAN, SCALE, PRIOR, b""), "auxiliary must have enough bits"),
        (lambda: bits_back_encode(MEAN, SCALE, PRIOR, "text"), "auxiliary must be bytes, got str"),
        (lambda: bits_back_encode(MEAN, SCALE[:3], PRIOR, AUXILIARY), "of the shape of mean"),
        (lambda: bits_back_encode([], 1.0, PRIOR, AUXILIARY), "at least one"),
        (lambda: bits_back_encode([np.inf], 1.0, PRIOR, AUXILIARY), "mean must be finite"),
        (lambda: bits_back_encode([0.0], 0.0, PRIOR, AUXILIARY), "scale must lie in"),
        (lambda: bits_back_encode([0.0], 1.0, PRIOR, AUXILIARY, 0.0), "step must be one number above zero"),
        (lambda: bits_back_encode([1.0], 1e-30, PRIOR, AUXILIARY), "a larger step is needed"),
        (lambda: bits_back_sample("text", PRIOR), "must be bytes, got str"),
        (lambda: codes.bits_back_step([]), "at least one"),
        (lambda: codes.bits_back_initial_bytes([1e9], 1e-300), "step must be at least"),
        (lambda: bits_back_encode(MEAN, SCALE, None, AUXILIARY), "prior must have a log_mass"),
        (lambda: bits_back_encode([0.0], 1e308, PRIOR, AUXILIARY), "a larger step is needed"),
        (lambda: bits_back_sample(b"", type(PRIOR)), "prior must have a log_mass"),
    ],
)
def test_bad_input_is_refused_in_words(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
