"""The records of options: what they take, what they refuse, and what their names stand for."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

import ratedist as rd
from ratedist.quantizers.methods import METHODS, as_method, check_method

WEIGHTS = np.random.default_rng(0).normal(size=200)


@pytest.mark.parametrize(
    ("name", "kind"), [("lloyd", rd.Lloyd), ("optimal", rd.Optimal), ("algorithm1", rd.Algorithm1)]
)
def test_a_name_is_the_record_with_its_defaults(name, kind) -> None:
    assert name in METHODS
    assert as_method(name) == kind() == as_method(kind())
    for beta in (0.0, 3.0):
        named, given = (
            rd.kmeans(WEIGHTS, 6, method=method, diameter_penalty=beta) for method in (name, kind())
        )
        np.testing.assert_array_equal(named.reconstruction, given.reconstruction)
    if name != "algorithm1":
        assert rd.KMeans(3, name) == rd.KMeans(3, kind())
        assert rd.HessianWeightedKMeans(3, method=name) == rd.HessianWeightedKMeans(3, method=kind())


def test_one_set_of_defaults() -> None:
    assert dataclasses.asdict(rd.Lloyd()) == dataclasses.asdict(rd.Algorithm1())
    assert (
        rd.kmeans(WEIGHTS, 6).objective == rd.kmeans(WEIGHTS, 6, method=rd.Lloyd("coarse_optimum")).objective
    )


def test_centres_given_as_a_start_compare_and_hash_by_value() -> None:
    start = np.array([0.1, 0.7, 2.0])
    for same in (start, start.tolist(), tuple(start)):
        assert rd.Lloyd(same) == rd.Lloyd(start)
        assert hash(rd.Lloyd(same)) == hash(rd.Lloyd(start))
    assert rd.Lloyd(start) != rd.Lloyd(start + 1e-16 + np.spacing(start))
    blocks = rd.Algorithm1(init=start.reshape(3, 1))
    np.testing.assert_array_equal(np.array(blocks.init), start.reshape(3, 1))
    assert len({rd.Lloyd(start), rd.Lloyd(start.copy()), rd.Algorithm1(start)}) == 2
    moved = dataclasses.replace(rd.Lloyd(start), max_iterations=1)
    assert moved.init == rd.Lloyd(start).init
    start[0] = 9.0  # not seen by a frozen record
    assert rd.Lloyd(start) != moved


@pytest.mark.parametrize("scale", [1.0, 2.0**300, 2.0**-300])
def test_given_centres_are_scaled_with_the_weights(scale) -> None:
    """Weights of extreme size are computed with at another scale, and so must be what was given."""
    start = np.array([-1.0, 0.0, 1.0])
    plain = rd.kmeans(WEIGHTS, 3, method=rd.Lloyd(start, max_iterations=1))
    scaled = rd.kmeans(scale * WEIGHTS, 3, method=rd.Lloyd(scale * start, max_iterations=1))
    np.testing.assert_array_equal(scaled.labels, plain.labels)
    np.testing.assert_allclose(scaled.centers / scale, plain.centers, rtol=1e-14)


@pytest.mark.parametrize("kind", [rd.Lloyd, rd.Algorithm1])
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"init": "first"}, "init must be one of coarse_optimum, high_rate"),
        ({"init": ""}, "init must be one of"),
        ({"init": 3.0}, r"init must have shape \(K,\), or \(K, m\) for blocks, got \(\)"),
        ({"init": np.zeros((2, 2, 2))}, r"init must have shape \(K,\)"),
        ({"init": []}, r"init must hold at least one centre, got shape \(0,\)"),
        ({"init": [[]]}, "init must hold at least one centre"),
        ({"init": [1.0, np.nan]}, "init must be finite"),
        ({"init": ["a", "b"]}, "init must be real numbers"),
        ({"num_starts": 0}, "num_starts must be at least 1"),
        ({"num_starts": 2.0}, "num_starts must be an integer"),
        ({"max_iterations": 0}, "max_iterations must be at least 1"),
        (
            {"init": "linear", "num_starts": 2},
            "random initialisations; init 'linear' is none",
        ),
        ({"init": np.ones(40), "num_starts": 2}, "num_starts is for random initialisations"),
    ],
)
def test_descents_refuse_in_words(kind, options, match) -> None:
    with pytest.raises(ValueError, match=match):
        kind(**options)


@pytest.mark.parametrize("name", ["tolerance", "time_budget"])
def test_the_optimum_refuses_in_words(name) -> None:
    for wrong, match in ((-1.0, "must lie in"), (np.nan, "must lie in"), ([1.0, 2.0], "must be one number")):
        with pytest.raises(ValueError, match=f"{name} {match}"):
            rd.Optimal(**{name: wrong})
    assert hash(rd.Optimal(**{name: np.array(0.5)})) == hash(rd.Optimal(**{name: 0.5}))


@pytest.mark.parametrize(
    ("method", "problem", "match"),
    [
        (rd.Optimal(), {"block_length": 2}, "no efficient algorithm is known beyond"),
        (rd.Optimal(tolerance=1e-3), {}, "for a diameter_penalty above zero"),
        (rd.Algorithm1(), {"penalty": "linear", "penalized": True}, 'penalty "linear" is for'),
        (rd.Lloyd(), {"penalty": "linear", "block_length": 2}, 'penalty "linear" is for'),
        (rd.Lloyd("linear"), {"block_length": 2}, "init for blocks must be one of random, kmeans"),
        (rd.Lloyd(num_starts=5), {}, "num_starts is for random initialisations"),
    ],
)
def test_what_a_problem_does_not_allow(method, problem, match) -> None:
    with pytest.raises(ValueError, match=match):
        check_method(method, **problem)


@pytest.mark.parametrize("make", [rd.KMeans, rd.HessianWeightedKMeans])
@pytest.mark.parametrize(
    ("method", "match"),
    [
        (rd.Lloyd, r"a record such as rd\.Lloyd\(\), got the class itself"),
        (rd.Optimal, r"a record such as rd\.Optimal\(\), got the class itself"),
        (
            rd.Algorithm1,
            r"rd\.Optimal\(...\) or rd\.Lloyd\(...\), or one of the names .*; got <class",
        ),
        (rd.Algorithm1(), r"or one of the names optimal, lloyd; got Algorithm1\("),
        (16, r"or one of the names optimal, lloyd; got 16"),
        ("algorithm1", "method must be one of optimal, lloyd; got 'algorithm1'"),
    ],
)
def test_compressors_say_which_records_they_take(make, method, match) -> None:
    with pytest.raises(ValueError, match=match):
        make(2, method=method)


def test_what_a_problem_allows() -> None:
    check_method(rd.Optimal(tolerance=1e-3), penalized=True, penalty="linear")
    check_method(rd.Lloyd(num_starts=5), block_length=2)
    check_method(rd.Lloyd([[1.0, 2.0]]), block_length=2)


def test_records_are_light() -> None:
    """The command line reads them before it knows whether anything is computed."""
    code = "import sys, ratedist.quantizers.methods; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
