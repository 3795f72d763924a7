"""Feedback along a trellis: against enumeration, decoded from two streams of labels, and what it gains."""

import itertools

import jax
import numpy as np
import pytest
from scipy.stats import t

import ratedist as rd
from ratedist.compressors.multiples_code import multiples_code
from ratedist.linear_model.sampling import ModelArrays
from ratedist.quantizers import decode_trellis
from ratedist.quantizers.trellis.convolutional import trellis_of
from tests.compressors.test_feedback_rounding import costs, draws, rounded

STATES = 8
# The multiples of the two unions in ascending order, and whether each takes branch 1.
UNIONS = [-4, -2, 0, 2, 4], [-3, -1, 0, 1, 3]
BRANCHES = [0, 1, 0, 1, 0], [0, 1, 0, 1, 0]


def table(few: bool) -> np.ndarray:
    """Nats of both unions for four weights; with few multiples those beyond ±2 and ±1 are not in the code."""
    lengths = np.full((2, 4, 65), np.inf)
    for union, multiples in enumerate(UNIONS):
        kept = [k for k in multiples if not few or abs(k) <= 2 - union]
        nats = np.log(len(kept)) + 0.2 * np.abs(np.array(kept)) - 0.1
        lengths[union][:, np.array(kept) + 32] = nats
    return lengths


def unions_of(multiples: np.ndarray) -> np.ndarray | None:
    """Which union each weight's multiple is of, from the last weight on; None for no path."""
    state, unions = 0, np.zeros(4, int)
    for j in range(3, -1, -1):
        unions[j] = union = state & 1
        if multiples[j] not in UNIONS[union]:
            return None
        branch = BRANCHES[union][UNIONS[union].index(multiples[j])]
        state = trellis_of(STATES).next_states[state, branch]
    return unions


@pytest.mark.parametrize("multiplier", [0.0, 0.05])
def test_many_paths_find_the_best_of_all_sequences(multiplier):
    hessians, deviations = draws(seed=2)
    deviations, steps, lengths = deviations / 2, np.full(4, 0.4), table(few=True)
    found, nats = rounded(hessians, deviations, steps, lengths, np.float64(multiplier), 64, STATES)
    everything = []
    for k in itertools.product(range(-2, 3), repeat=4):
        unions = unions_of(np.array(k))
        if unions is not None and np.all(np.isfinite(lengths[unions, np.arange(4), np.array(k) + 32])):
            everything.append((np.array(k), lengths[unions, np.arange(4), np.array(k) + 32]))
    assert len(everything) == 3**4
    multiples = np.array([k for k, _ in everything])
    all_nats = np.array([own.sum() for _, own in everything])
    for H, x, k, own in zip(hessians, deviations, np.asarray(found), np.asarray(nats), strict=True):
        errors = costs(H, x, steps, multiples, np.zeros((4, 65)), 0.0) + multiplier * all_nats
        (index,) = np.flatnonzero((multiples == k).all(axis=1))
        assert errors[index] == pytest.approx(errors.min(), rel=1e-9)
        assert own == pytest.approx(all_nats[index], rel=1e-12)


def test_the_decoder_needs_two_streams_of_labels_alone():
    hessians, deviations = draws(seed=3)
    found, nats = rounded(
        hessians, deviations, np.full(4, 0.4), table(few=False), np.float64(0.02), 64, STATES
    )
    seen = set()
    for k, own in zip(np.asarray(found), np.asarray(nats), strict=True):
        unions = unions_of(k)
        assert unions is not None
        assert own == pytest.approx(table(few=False)[unions, np.arange(4), k + 32].sum(), rel=1e-12)
        # In the order of the path: the last weight is rounded first.
        streams = tuple(
            np.array([UNIONS[u].index(k[j]) for j in range(3, -1, -1) if unions[j] == u], np.uint16)
            for u in range(2)
        )
        levels = tuple(np.array(one, float) for one in UNIONS)
        branches = tuple(np.array(one, bool) for one in BRANCHES)
        np.testing.assert_array_equal(decode_trellis(streams, levels, branches, STATES)[::-1], k)
        seen |= {(int(u), int(one)) for u, one in zip(unions, k, strict=True)}
    assert len(seen) >= 8


def test_the_code_of_the_law_is_a_code_in_either_union():
    """Masses of Student's cells between the midpoints of a union's multiples, those beyond in the last."""
    model = rd.GaussianLinearModel(9, rd.two_level_weights(4))
    nu = model.degrees_of_freedom
    lengths = multiples_code(model, np.full(4, 0.3), None, 2)
    np.testing.assert_allclose(np.exp(-lengths).sum(axis=2), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(lengths, lengths[:, :, ::-1])
    middle = lengths.shape[2] // 2
    for union, k, low, high in ((0, 2, 1, 3), (0, 0, -1, 1), (1, 1, 0.5, 2), (1, 0, -0.5, 0.5), (1, 3, 2, 4)):
        mass = t.cdf(high * 0.3 * nu**0.5, nu) - t.cdf(low * 0.3 * nu**0.5, nu)
        assert lengths[union, 0, middle + k] == pytest.approx(-np.log(mass), rel=1e-9)
    assert np.all(np.isinf(lengths[0, :, middle + 1 :: 2]))
    assert np.all(np.isinf(lengths[1, :, middle + 2 :: 2]))


# By day one with several paths and no trellis has pivots in the file.
@pytest.mark.parametrize("kinds", [("equal",), pytest.param(("equal", "pivots"), marks=pytest.mark.slow)])
def test_a_simulation_counts_labels_and_pivots(kinds):
    """Above the limit where both sides know the Hessian; pivots in the file cost more than they save."""
    model = rd.GaussianLinearModel(20, rd.two_level_weights(4))
    compressors = {
        steps: rd.FeedbackRounding(0.19, num_paths=16, num_states=STATES, steps=steps) for steps in kinds
    }
    found = rd.simulate(model, compressors, 600, jax.random.key(4))
    above = {}
    for name, result in found.items():
        limit = float(rd.theory.rate_given_gram(model, result.distortion.mean))
        above[name] = result.rates["code_length"].mean - limit
    assert above["equal"] > 0
    if "pivots" in kinds:
        assert above["equal"] < above["pivots"] - 0.3


def test_a_code_of_ones_own_is_kept():
    own = (1.5, 0.8, 1.5), (2.0, 1.0, 0.9, 1.0, 2.0)
    with pytest.raises(ValueError, match=r"no code has code_lengths\[1\]"):
        rd.FeedbackRounding(0.3, num_states=4, code_lengths=own)
    own = (1.5, 0.8, 1.5), (3.0, 1.5, 0.9, 1.5, 3.0)
    compressor = rd.FeedbackRounding(0.3, num_states=4, code_lengths=own, num_paths=4)
    assert compressor.code_lengths == own
    model = rd.GaussianLinearModel(9, np.zeros(4))
    prepared = compressor.prepare(model)
    compress = jax.jit(
        lambda W: prepared.compress(
            jax.random.key(0), W, rd.Context(model=ModelArrays.of(model), hessian=np.eye(4))
        )
    )
    # State 0 has union 0: the last weight can be −0.6, 0 or 0.6.
    found = compress(np.array([0.0, 0.0, 0.0, 5.0]))
    assert float(found.reconstruction[3]) == pytest.approx(0.6)
    assert float(found.rates["code_length"]) >= 4 * 0.8
