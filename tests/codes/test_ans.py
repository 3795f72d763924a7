import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist import codes
from ratedist.codes.ans import ans_decode, ans_encode, model_frequencies
from ratedist.units import nats_to_bits

LABELS = st.integers(1, 40).flatmap(
    lambda k: st.lists(st.integers(0, k - 1), min_size=1, max_size=300).map(lambda x: (k, x))
)


def decoded_in_integers(payload, counts):
    """The decoder of Duda's rANS with a 64-bit state and 32-bit words, in Python's integers."""
    frequencies = [int(f) for f in model_frequencies(counts)]
    first = np.concatenate([[0], np.cumsum(frequencies)])
    words = np.frombuffer(payload, "<u4").tolist()
    state = words.pop() if words else 0
    state = state << 32 | words.pop() if words else state
    labels = []
    for _ in range(int(np.sum(counts))):
        slot = state % 2**24
        label = int(np.searchsorted(first, slot, side="right")) - 1
        labels.append(label)
        state = frequencies[label] * (state >> 24) + slot - int(first[label])
        if state < 2**32 and words:
            state = state << 32 | words.pop()
    assert state == 0
    return labels


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(st.lists(st.integers(1, 10**12), min_size=2, max_size=60))
def test_model_is_integers_near_the_shares(counts):
    frequencies = model_frequencies(counts)
    assert frequencies.sum() == 2**24
    assert frequencies.min() >= 1
    shares = np.array(counts) / sum(counts) * (2**24 - len(counts)) + 1
    np.testing.assert_allclose(frequencies, shares, atol=1.001)


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(LABELS)
def test_round_trip_and_a_decoder_in_integers(case):
    pytest.importorskip("constriction")
    num_clusters, labels = case
    counts = np.bincount(labels, minlength=num_clusters)
    payload = ans_encode(labels, counts)
    np.testing.assert_array_equal(ans_decode(payload, counts), labels)
    occurring = np.flatnonzero(counts)
    if occurring.size > 1:
        np.testing.assert_array_equal(occurring[decoded_in_integers(payload, counts[occurring])], labels)


@pytest.mark.parametrize("num_clusters", [2, 16, 256, 1 << 16])
def test_size_is_the_entropy(num_clusters):
    pytest.importorskip("constriction")
    rng = np.random.default_rng(num_clusters)
    labels = rng.choice(num_clusters, 10**5, p=rng.dirichlet(np.full(num_clusters, 0.5)))
    counts = np.bincount(labels, minlength=num_clusters)
    payload = ans_encode(labels, counts)
    entropy_bits = nats_to_bits(labels.size * codes.empirical_entropy(counts))
    assert 8 * len(payload) == pytest.approx(entropy_bits, rel=1e-3, abs=64)
    np.testing.assert_array_equal(ans_decode(payload, counts), labels)


def test_runs_and_chunks(monkeypatch):
    pytest.importorskip("constriction")
    monkeypatch.setattr("ratedist.codes.ans.CHUNK", 64)
    for labels in (np.repeat([0, 1], 500), np.repeat([1, 0], 500), np.arange(200), np.zeros(7, int)):
        counts = np.bincount(labels)
        np.testing.assert_array_equal(ans_decode(ans_encode(labels, counts), counts), labels)


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(LABELS, st.data())
def test_a_damaged_payload_is_an_error(case, data):
    pytest.importorskip("constriction")
    num_clusters, labels = case
    counts = np.bincount(labels, minlength=num_clusters)
    payload = ans_encode(labels, counts)
    position = data.draw(st.integers(0, max(len(payload) - 1, 0)))
    damaged = payload[:position] + data.draw(st.binary(max_size=5)) + payload[position + 1 :]
    try:
        decoded = ans_decode(damaged, counts)
    except ValueError:
        return
    # What decodes has at least the right counts.
    np.testing.assert_array_equal(np.bincount(decoded, minlength=num_clusters), counts)


def test_the_payload_has_to_be_used_up():
    pytest.importorskip("constriction")
    labels = np.random.default_rng(0).integers(0, 5, 1000)
    counts = np.bincount(labels)
    payload = ans_encode(labels, counts)
    with pytest.raises(ValueError, match="does not decode to labels with these counts"):
        ans_decode(b"more" + payload, counts)  # the bottom of the stack
    with pytest.raises(ValueError, match="does not decode to labels with these counts"):
        ans_decode(payload[:-4] + b"more", counts)
    # Two labels leave much of eight bytes, even where they happen to have the right counts.
    rng = np.random.default_rng(0)
    for _ in range(20):
        with pytest.raises(ValueError, match="does not decode to labels with these counts"):
            ans_decode(rng.bytes(8), [1, 1])


def test_without_constriction(monkeypatch):
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(ValueError, match=r"ratedist\[coding\]"):
        ans_encode([0, 1], [1, 1])
    with pytest.raises(ValueError, match=r"ratedist\[coding\]"):
        ans_decode(bytes(8), [1, 1])


def test_bad_input():
    with pytest.raises(ValueError, match="those of the labels"):
        ans_encode([0, 1], [1, 2])
    with pytest.raises(ValueError, match="4-byte words"):
        ans_decode(bytes(3), [1, 1])
    with pytest.raises(ValueError, match="empty payload"):
        ans_decode(bytes(4), [2])
