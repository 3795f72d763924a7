"""The checked-in tables are what the package computes, and the pages that use them agree with it."""

import math

import numpy as np
import pytest

import ratedist as rd
from ratedist.explorer import tables
from ratedist.explorer.server import FOLDER
from tests.explorer.scripts import in_node, needs_node

TABLES = tables.read((FOLDER / tables.NAME).read_text())
BITS = math.log(2)


def test_the_file_is_the_script_of_its_tables() -> None:
    assert (FOLDER / tables.NAME).read_text() == tables.script(TABLES)
    assert set(TABLES) == {"blocks", "bounds", "ranks"}


def test_coins_are_exact() -> None:
    coin = TABLES["blocks"]["coin"]
    exact = [rd.bernoulli_random_code_distortion(m, BITS / 2) for m in tables.COIN_LENGTHS]
    assert coin["distortion"] == pytest.approx(exact, rel=1e-6)
    assert float(rd.theory.bernoulli_rate(0.5, coin["limit"])) / BITS == pytest.approx(0.5, abs=1e-6)
    below = [m for m, distortion in enumerate(coin["distortion"], 1) if distortion < coin["clever"]]
    assert below == list(range(5, 41))  # the poll says: from five on


def test_gaussian_codes_are_a_simulation_of_others() -> None:
    """Other codes than those of the table, and Lloyd–Max quantisers as the textbooks have them."""
    generator = np.random.default_rng(1)
    for name, least, clever in (("one", 8, 0.3633802), ("two", 5, 0.1174818)):
        table = TABLES["blocks"][name]
        for m in (1, 4, 8):
            codes = 50 if m < 8 else 8  # words are many there, and codes alike
            other = rd.random_code_distortion(generator, "gaussian", m, table["rate"] * BITS, codes)
            error = math.hypot(other.sem, table["error"][m - 1])
            assert abs(other.mean - table["distortion"][m - 1]) <= 4 * error
            assert error < 0.1
        assert table["clever"] == pytest.approx(clever, rel=1e-6)
        below = [m for m, value in enumerate(table["distortion"], 1) if value < table["clever"]]
        assert below[0] == least  # as the exercise says


@pytest.mark.parametrize(
    ("levels", "clever"), [pytest.param(2, 0.3633802, marks=pytest.mark.slow), (4, 0.1174818)]
)
def test_quantisers_are_those_of_the_textbooks(levels: int, clever: float) -> None:
    assert tables.lloyd_max_distortion(levels) == pytest.approx(clever, rel=1e-6)


@pytest.mark.parametrize("n", tables.SAMPLES)
def test_bounds_are_those_of_the_package(n: int) -> None:
    places = [0, 20, 45, 59]
    table = TABLES["bounds"]["samples"][str(n)]
    for name, values in tables.bounds_at(n, tuple(tables.RATES[place] for place in places)).items():
        assert values == pytest.approx([table[name][place] for place in places], rel=1e-5)


def test_difference_vanishes_and_ratio_explodes() -> None:
    for table in TABLES["bounds"]["samples"].values():
        truth, bound, root = (np.array(table[name]) for name in ("truth", "conditional", "root"))
        assert np.all(truth < bound)
        assert np.all(bound <= root)
        few = np.array(TABLES["bounds"]["rates"][:10])
        np.testing.assert_allclose(truth[:10] / truth[0], few / few[0], rtol=0.01)
        np.testing.assert_allclose(bound[:10] / bound[0], np.sqrt(few / few[0]), rtol=0.02)
        assert bound[0] / truth[0] > 50
        assert np.all(np.diff(bound / truth)[:30] < 0)


def test_ranks_against_other_fits() -> None:
    other = tables.ranks(num_trials=60, seed=123)
    table = TABLES["ranks"]
    assert table["fitted"] == pytest.approx(20 * 50 / 29, rel=1e-6)
    for name in tables.PROJECTIONS:
        error = np.hypot(table[name]["error"], other[name]["error"])
        difference = np.abs(np.subtract(table[name]["excess"], other[name]["excess"]))
        assert np.all(difference <= 4 * error + 1e-5)  # rank 0 is exact, to the digits written
        assert error.max() < 1
    assert int(np.argmin(table["information"]["excess"])) == 3


@needs_node
def test_drawn_codes_have_the_distortion_of_the_table() -> None:
    settings = [("coin", 2), ("coin", 10), ("coin", 21), ("one", 3), ("one", 8), ("two", 4)]
    body = """return given.settings.map(([source, m]) => Array.from({ length: given.count }, (_, i) =>
        Explorer.blocks.code(source, m, i + 1).distortion))"""
    drawn = in_node(body, {"settings": settings, "count": 300})
    for (source, m), values in zip(settings, np.array(drawn), strict=True):
        table = TABLES["blocks"][source]
        error = math.hypot(values.std(ddof=1) / math.sqrt(values.size), table["error"][m - 1])
        assert abs(values.mean() - table["distortion"][m - 1]) <= 4 * error
        assert error < 0.05


@needs_node
def test_two_part_lengths_and_bits_back() -> None:
    settings = [(step, s) for step in (0.5, 2.0, math.sqrt(12), 6.0, 12.0) for s in (0.02, 0.1, 0.2, 0.3)]
    body = """const { bitsBack, twoParts } = Explorer.codes;
    return given.map(([step, s]) => { const { weight, data } = twoParts(step * s, s);
        return [weight, data, bitsBack(s)]; })"""
    found = in_node(body, settings)
    prior = rd.theory.GaussianPrior(1.0)
    w = np.linspace(-7, 7, 70_001)
    density = np.exp(-(w**2) / 2) / np.sum(np.exp(-(w**2) / 2))
    for (step, s), (weight, data, back) in zip(settings, found, strict=True):
        length = rd.theory.two_part_length(w, s, step * s, prior)
        assert weight * BITS == pytest.approx(float(density @ length.weight), rel=1e-4)
        assert data * BITS == pytest.approx(float(density @ length.data), rel=1e-3)
        cost = float(density @ rd.theory.bits_back_cost(w, s, prior)) + 0.5
        assert back * BITS == pytest.approx(cost, rel=1e-6)
    at_best = [weight + data - back for (step, s), (weight, data, back) in zip(settings, found, strict=True)
               if s == 0.02 and step == math.sqrt(12)]  # fmt: skip
    assert at_best[0] == pytest.approx(rd.theory.BITS_BACK_REFUND / BITS, abs=3e-4)
