"""Verdicts on published numbers: each can fail, moved across its limit."""

import dataclasses
import math

import numpy as np
import pytest

from ratedist.claims import field
from ratedist.claims.field import (
    FieldVerdict,
    best_of_ours,
    field_row,
    half_unit,
    judge_number,
    scalar_bits,
)
from ratedist.claims.field_numbers import FIELD, FieldNumber
from ratedist.claims.field_trellis import TRELLIS_POINTS
from ratedist.quantizers import quantize_trellis
from ratedist.theory.sources.limits import rate_limit
from ratedist.units import nats_to_bits


def judged(source: str, bits: float, mse: str, **others) -> FieldVerdict:
    return judge_number(FieldNumber("a quantiser", "nowhere", source, bits, mse, **others)).verdict


def test_there_are_thirty_numbers_and_more_with_their_place() -> None:
    assert len(FIELD) >= 30
    assert {number.source for number in FIELD} == {"gaussian", "laplace", "uniform"}
    assert all(number.where and 0 < float(number.mse) < 1 for number in FIELD)
    assert len({(one.name, one.source, one.bits) for one in FIELD}) == len(FIELD)


def test_half_a_unit_of_the_last_digit() -> None:
    assert half_unit(".0612") == pytest.approx(5e-5, rel=1e-12)
    assert half_unit("1.357e-06") == pytest.approx(5e-10, rel=1e-12)


# Of two bits .0625 for the Gaussian and .0474491 for the uniform source, of one .2171224 for Laplace.
@pytest.mark.parametrize(
    ("source", "bits", "above", "below"),
    [
        ("gaussian", 2, ".0625", ".0624"),
        ("uniform", 2, ".04745", ".04743"),
        pytest.param("laplace", 1, ".21713", ".21708", marks=pytest.mark.slow),
    ],
)
def test_the_limit_divides_possible_from_impossible(source: str, bits: int, above: str, below: str) -> None:
    assert judged(source, bits, above) is FieldVerdict.POSSIBLE
    assert judged(source, bits, below) is FieldVerdict.IMPOSSIBLE


def test_rounding_is_in_favour_of_the_number() -> None:
    assert judged("gaussian", 2, ".062") is FieldVerdict.POSSIBLE  # it may have been .0625
    assert judged("gaussian", 2, ".0620") is FieldVerdict.IMPOSSIBLE


def test_bits_that_were_spent_are_said() -> None:
    found = judge_number(FieldNumber("a report", "nowhere", "gaussian", 2, ".0612", spent=2.5))
    assert found.verdict is FieldVerdict.MORE_BITS
    assert found.needed == pytest.approx(math.log2(1 / 0.06125) / 2, rel=1e-12)
    assert judged("gaussian", 2, ".0612", spent=2.01) is FieldVerdict.IMPOSSIBLE
    assert judged("gaussian", 2, ".0712", spent=2.5) is FieldVerdict.BEATEN


def test_a_scalar_quantiser_at_a_fixed_rate_is_no_better_than_the_best() -> None:
    """Four levels have .117482 at least, five .0799 (Max 1960)."""
    assert judged("gaussian", 2, ".11749", scalar=True) is FieldVerdict.BEATEN
    found = judge_number(FieldNumber("a quantiser", "nowhere", "gaussian", 2, ".11740", scalar=True))
    assert found.verdict is FieldVerdict.MORE_BITS
    assert found.needed == pytest.approx(math.log2(5))
    assert judged("gaussian", 2, ".11740") is FieldVerdict.BEATEN  # not scalar, and so not bound by it
    assert scalar_bits("laplace", 1.0, 0.5) is None
    assert scalar_bits("laplace", 1.0, 0.49) == pytest.approx(math.log2(3))


def test_what_is_beaten_is_beaten_by_more_than_its_rounding() -> None:
    """The entropy-coded scalar quantiser has .0889235 at two bits, a trellis .06591."""
    assert judged("gaussian", 2, ".0661") is FieldVerdict.BEATEN
    assert judged("gaussian", 2, ".066") is FieldVerdict.POSSIBLE
    assert judged("gaussian", 2, ".0658") is FieldVerdict.POSSIBLE


def test_without_trellises_scalars_judge(monkeypatch) -> None:
    found = judge_number(FieldNumber("a quantiser", "nowhere", "gaussian", 2, ".0892"))
    assert found.by.startswith("a trellis of 256 states")
    monkeypatch.setattr(field, "TRELLIS_POINTS", ())
    assert judged("gaussian", 2, ".0892") is FieldVerdict.BEATEN
    assert judged("gaussian", 2, ".089") is FieldVerdict.POSSIBLE
    assert best_of_ours("gaussian", 2.0)[1] == "an entropy-coded scalar quantiser"
    assert best_of_ours("gaussian", 20.0) == (None, "")


def test_a_trellis_judges_by_no_more_bytes_than_were_spent() -> None:
    mse, by = best_of_ours("gaussian", 2.5)
    assert mse == min(one.mse for one in TRELLIS_POINTS if one.source == "gaussian" and one.bits <= 2.5)
    assert "trellis" in by
    assert "scalar" in best_of_ours("gaussian", 0.6)[1]


def test_points_of_the_table_are_possible() -> None:
    """Above R(D) by 0.03 to 0.1 bit: the fewest bits of each source and the most."""
    ends = {}
    for one in TRELLIS_POINTS:
        ends.setdefault((one.source, "fewest"), one)
        ends[one.source, "most"] = one
    for one in ends.values():
        gap = one.bits - nats_to_bits(rate_limit(one.source, one.mse).lower)
        assert 0.02 < gap < 0.12, one


@pytest.mark.slow
def test_a_trellis_of_eight_states_is_where_such_tables_have_it() -> None:
    weights = np.random.default_rng(5).standard_normal(1 << 15)
    found = quantize_trellis(weights, 8, bits_per_weight=2.0)
    own = found.mean_squared_error / np.mean(weights**2)
    (best,) = (one for one in TRELLIS_POINTS if one.source == "gaussian" and 1.99 < one.bits <= 2.0)
    assert best.mse < own < best.mse * 1.12


@pytest.mark.slow
def test_a_point_of_the_table_is_reached_again() -> None:
    weights = np.random.default_rng(6).standard_normal(1 << 18)
    found = quantize_trellis(weights, field.TRELLIS_STATES, bits_per_weight=1.998)
    own = found.mean_squared_error / np.mean(weights**2)
    (best,) = (one for one in TRELLIS_POINTS if one.source == "gaussian" and 1.99 < one.bits <= 2.0)
    assert own == pytest.approx(best.mse, rel=0.01)


FEW = [one for one in FIELD if one.source != "laplace" and one.bits <= 2]


@pytest.mark.parametrize("number", FEW, ids=lambda one: f"{one.name} {one.bits:g}")
def test_every_printed_number_moved_below_its_limit_is_impossible(number: FieldNumber) -> None:
    assert judge_number(number).verdict is not FieldVerdict.IMPOSSIBLE
    moved = dataclasses.replace(number, mse=f"{2 ** (-2.2 * number.bits) / 2:.6f}", spent=None)
    assert judge_number(moved).verdict is FieldVerdict.IMPOSSIBLE


def test_documented_verdicts() -> None:
    named = {(one.name, one.bits): one for one in FIELD if one.source == "gaussian"}
    expected = {
        ('A "2-bit" report', 2): FieldVerdict.MORE_BITS,
        ("TurboQuant", 4): FieldVerdict.MORE_BITS,
        ("QuIP# E8P", 2): FieldVerdict.BEATEN,
        ("QTIP 3INST", 2): FieldVerdict.BEATEN,
        ("Trellis of the QTIP kind", 2): FieldVerdict.BEATEN,
        ("NF4, groups of 64", 4): FieldVerdict.BEATEN,
        ("Entropy-coded lattice Λ24", 10): FieldVerdict.POSSIBLE,
        ("Trellis of the QTIP kind", 4): FieldVerdict.BEATEN,
    }
    assert {name: judge_number(named[name]).verdict for name in expected} == expected


def test_rows_say_all() -> None:
    row = field_row(judge_number(FieldNumber("a quantiser", "nowhere", "gaussian", 2, ".07")))
    assert row["verdict"] == "possible"
    assert row["gap_bits"] == pytest.approx(2 - math.log2(1 / 0.075) / 2)
