"""The code of places: every set of few places, lengths, sizes ten times as large, and hostile bytes."""

import itertools
import math

import numpy as np
import pytest

from ratedist.codes import decode_positions, encode_positions, enumerative_bits, position_bits
from ratedist.codes.positions import MOST_ENUMERATED


def masks(d: int):
    return [np.array(one, bool) for one in itertools.product([False, True], repeat=d)]


@pytest.mark.parametrize("d", range(9))
def test_every_set_has_its_own_bytes_and_comes_back(d) -> None:
    payloads = set()
    for mask in masks(d):
        payload = encode_positions(mask)
        assert len(payload) == -(-enumerative_bits(d, int(mask.sum())) // 8)
        found = decode_positions(payload, d)
        assert found.dtype == bool
        np.testing.assert_array_equal(found, mask)
        payloads.add(payload)
    assert len(payloads) == 2**d
    # Count and number have a width that the count tells: no codeword begins another, and Kraft's sum is ≤ 1.
    lengths = [enumerative_bits(d, int(mask.sum())) for mask in masks(d)]
    assert sum(2.0**-length for length in lengths) <= 1


def test_sets_of_a_size_are_numbered_in_order() -> None:
    """Lexicographic, with a kept place after one that is not: what ``sorted`` does with lists of booleans."""
    in_order = sorted(mask.tolist() for mask in masks(7) if mask.sum() == 3)
    for number, mask in enumerate(in_order):
        bits = int.from_bytes(encode_positions(np.array(mask)), "big")
        assert bits >> (16 - 3 - 6) == 3 << 6 | number


def test_lengths_are_those_of_the_binomials() -> None:
    for d in (1, 2, 10, 50, 1000, 30_000):
        for k in {0, 1, d // 3, d // 2, d - 1, d}:
            exact = math.comb(d, k)
            assert position_bits(d, k) == pytest.approx(math.log2(exact), rel=1e-12, abs=1e-12)
            bits = d.bit_length() + (exact - 1).bit_length()
            assert enumerative_bits(d, k) == bits
            assert position_bits(d, k) <= bits - d.bit_length() < position_bits(d, k) + 1 + 1e-9


@pytest.mark.parametrize(
    ("d", "k"),
    [
        (10**9, 3),
        (10**9, 10**8),
        (10**12, 5 * 10**11),
        (10**7, 10**7 - 1),
        (20_002, 10_001),
        *((d, 10_001) for d in (10**9, 10**10, 10**15, 10**30, 10**300)),
        (10**30, 10**27),
    ],
)
def test_lengths_for_many_places_beside_rigorous_logarithms(d, k) -> None:
    flint = pytest.importorskip("flint")
    with flint.ctx.workprec(2500):
        exact = [(flint.arb(one) + 1).lgamma() for one in (d, k, d - k)]
        expected = (exact[0] - exact[1] - exact[2]) / flint.arb(2).log()
    assert position_bits(d, k) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("coder", ["enumerative", "ans"])
@pytest.mark.parametrize(("d", "density"), [(50, 0.2), (1000, 0.01), (5000, 0.5), (5000, 1.0), (5000, 0.0)])
def test_round_trips_near_the_entropy(coder, d, density) -> None:
    if coder == "ans":
        pytest.importorskip("constriction")
    mask = np.random.default_rng(d).random(d) < density
    payload = encode_positions(mask, coder)
    np.testing.assert_array_equal(decode_positions(payload, d, coder), mask)
    assert 8 * len(payload) <= position_bits(d, int(mask.sum())) + d.bit_length() + (
        9 if coder != "ans" else 80
    )


def test_many_places() -> None:
    mask = np.random.default_rng(0).random(MOST_ENUMERATED) < 0.002
    payload = encode_positions(mask)
    assert len(payload) == -(-enumerative_bits(mask.size, int(mask.sum())) // 8)
    np.testing.assert_array_equal(decode_positions(payload, mask.size), mask)
    with pytest.raises(ValueError, match="at most 131072 places"):
        encode_positions(np.zeros(MOST_ENUMERATED + 1, bool))
    with pytest.raises(ValueError, match="at most 131072 places"):
        decode_positions(b"", MOST_ENUMERATED + 1)
    pytest.importorskip("constriction")
    mask = np.random.default_rng(1).random(1_000_000) < 0.1
    payload = encode_positions(mask, "ans")
    np.testing.assert_array_equal(decode_positions(payload, mask.size, "ans"), mask)
    assert len(payload) < position_bits(mask.size, int(mask.sum())) / 8 * 1.0001 + 16


@pytest.mark.parametrize("coder", ["enumerative", "ans"])
def test_hostile_bytes_are_refused_or_are_another_set(coder) -> None:
    """Every truncation, some extensions, and every bit flipped."""
    if coder == "ans":
        pytest.importorskip("constriction")
    mask = np.random.default_rng(2).random(60) < 0.3
    payload = encode_positions(mask, coder)
    hostile = [payload[:size] for size in range(len(payload))]
    hostile += [payload + b"\0", payload + b"\0" * 4, b"\xff" * len(payload), b"\xff" * 100]
    flipped = [bytearray(payload) for _ in range(8 * len(payload))]
    for bit, one in enumerate(flipped):
        one[bit // 8] ^= 1 << bit % 8
    for one in hostile:
        with pytest.raises(ValueError, match=r"bytes|payload|count|compressed data"):
            decode_positions(one, 60, coder)
    accepted = 0
    for one in flipped:
        try:
            found = decode_positions(bytes(one), 60, coder)
        except ValueError:
            continue
        accepted += 1
        assert encode_positions(found, coder) == bytes(one)
        assert not np.array_equal(found, mask)
    assert 0 < accepted < len(flipped)


def test_one_code_word_for_one_set() -> None:
    """Whatever two bytes decode to has these two bytes as its code."""
    accepted = 0
    for d, values in ((3, 1 << 10), (9, 1 << 16)):
        for value in range(values):
            for size in (1, 2):
                if value >> (8 * size):
                    continue
                try:
                    mask = decode_positions(value.to_bytes(size, "big"), d)
                except ValueError:
                    continue
                accepted += 1
                assert encode_positions(mask) == value.to_bytes(size, "big")
    assert accepted == 2**3 + 2**9


def test_what_is_no_mask_is_refused() -> None:
    for kept in ([0, 1], [[True]], 1.5, "ab"):
        with pytest.raises(ValueError, match="booleans"):
            encode_positions(kept)
    with pytest.raises(ValueError, match="coder must be one of enumerative, ans"):
        encode_positions([True], "huffman")
    with pytest.raises(ValueError, match="must be bytes"):
        decode_positions("P", 5)
    with pytest.raises(ValueError, match="kept must have no masked entries"):
        encode_positions(np.ma.array([True, False], mask=[True, False]))
    for d, k in ((-1, 0), (3, 4), (3, -1), (10**400, 2)):
        with pytest.raises(ValueError, match="num_"):
            position_bits(d, k)
