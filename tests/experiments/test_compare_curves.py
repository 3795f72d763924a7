"""Curves by linear programming, errors of differences by repetition, and verdicts that can be otherwise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from ratedist.experiments.compare_curves import Curve, Sampled, curves, difference, envelope, nothing_sent
from ratedist.experiments.compare_findings import sentence, verdict


def constant(algorithm: str, bits: float, excess: float, num_trials: int = 3) -> Sampled:
    return Sampled(algorithm, np.full(num_trials, excess), np.full(num_trials, bits))


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), min_size=1, max_size=8),
    st.integers(0, 45),
)
@settings(deadline=None, max_examples=60)
def test_a_curve_is_the_best_mixture_of_at_most_the_rate(places: list[tuple[int, int]], rate: int) -> None:
    points = [constant("nothing", 0.0, 20.0), *(constant("one", bits, risk) for bits, risk in places)]
    value, _ = envelope(points).at(float(rate))
    bits, risks = (np.array([getattr(one, name) for one in points]) for name in ("mean_bits", "mean_excess"))
    best = linprog(risks, [bits], [float(rate)], [np.ones(len(points))], [1.0])
    assert value == pytest.approx(best.fun, abs=1e-7)


def noisy(rng: np.random.Generator, num_trials: int) -> dict[str, Curve]:
    """Two algorithms whose rates and risks vary together, from one draw a trial."""
    common, own = rng.standard_normal(num_trials), rng.standard_normal((4, num_trials))
    points = [
        Sampled("kmeans", 5 + common + 0.2 * own[0], 1 + 0.3 * own[1] + 0.2 * common),
        Sampled("kmeans", 1 + common, 3 + 0.3 * own[1]),
        Sampled("pruned", 4 + common + 0.5 * own[2], 2 + 0.4 * own[3]),
    ]
    return curves(points, nothing_sent(12.0, num_trials))


def test_errors_of_differences_count_the_rates_too() -> None:
    """Over repetitions the difference varies by its standard error, which unpaired risks would not give."""
    rng = np.random.default_rng(0)
    found = [noisy(rng, 400) for _ in range(400)]
    for rate in (0.5, 1.5, 2.5, 9.0):
        estimates = [difference(one["kmeans"], one["pruned"], rate) for one in found]
        spread = np.std([one.mean for one in estimates], ddof=1)
        assert spread == pytest.approx(np.mean([one.sem for one in estimates]), rel=0.2), rate


def test_beyond_its_last_point_a_curve_is_level() -> None:
    curve = envelope([constant("nothing", 0, 9), constant("one", 1, 4), constant("one", 2, 5)])
    assert curve.at(1.5)[0] == curve.at(50.0)[0] == 4
    assert curve.at(0.5)[0] == 6.5
    assert [point.mean_bits for point in curve.points] == [0, 1]


def world(first: float, second: float, spread: float = 0.01) -> dict[str, Curve]:
    """Risks of K-means and of pruning at one bit, with independent noise."""
    rng = np.random.default_rng(1)
    points = [
        Sampled(name, mean + spread * rng.standard_normal(100), np.ones(100))
        for name, mean in (("kmeans", first), ("pruned", second))
    ]
    return curves(points, nothing_sent(10.0, 100))


def test_the_winner_changes_with_the_world() -> None:
    assert verdict(world(1.0, 2.0), 1.0, 3.0)["winner"] == "kmeans"
    assert verdict(world(2.0, 1.0), 1.0, 3.0)["winner"] == "pruned"
    # At half a bit it is half as far ahead.
    half = verdict(world(1.0, 2.0), 0.5, 3.0)
    assert half["order"][1]["behind"] == pytest.approx(0.5, abs=0.01)


def test_within_the_error_there_is_no_winner() -> None:
    one = verdict(world(1.0, 1.002), 1.0, 3.0)
    assert one["winner"] is None
    assert set(one["tied"]) == {"kmeans", "pruned"}
    assert verdict(world(1.0, 1.0, spread=0.0), 1.0, 3.0)["winner"] is None
    # Below the first point nothing is the best there is.
    assert "no winner" in sentence([one])


def test_words_follow_the_numbers() -> None:
    text = sentence([verdict(world(1.0, 2.0), 1.0, 3.0), verdict(world(4.0, 2.0), 2.0, 1.5)])
    first, second = text.splitlines()
    assert first.startswith(
        "At 1 bit a weight K-means wins with 0.999, 1 ± 0.001 below pruning. That is below ERM's 3."
    )
    assert second.startswith("At 2 bits a weight pruning wins with 2")
    assert "above ERM's 1.5" in second


def test_below_or_above_erm_is_beyond_the_error() -> None:
    """Risks of 1 with a standard error of 0.05: 1.1 and 0.9 are within two of it, 1.5 and 0.5 beyond four."""
    one = verdict(world(1.0, 3.0, spread=0.5), 1.0, 1.1)
    assert one["order"][0]["excess_risk_sem"] == pytest.approx(0.05, rel=0.3)
    for erm, words in (
        (1.1, "not told apart from"),
        (0.9, "not told apart from"),
        (1.5, "below"),
        (0.5, "above"),
    ):
        assert f"That is {words} ERM's {erm}." in sentence([verdict(world(1.0, 3.0, spread=0.5), 1.0, erm)])


def test_two_trials_name_no_winner() -> None:
    """Ten standard errors ahead: with one degree of freedom that is chance, with thirty it is none."""
    for num_trials, winner in ((2, None), (30, "kmeans")):
        spread = 0.5 * np.resize([1.0, -1.0], num_trials) / 10 * (num_trials - 1) ** 0.5
        points = [
            Sampled("kmeans", np.full(num_trials, 2.0), np.ones(num_trials)),
            Sampled("pruned", 2.5 + spread, np.ones(num_trials)),
        ]
        one = verdict(curves(points, nothing_sent(10.0, num_trials)), 1.0, 3.0)
        assert one["order"][1]["behind"] == pytest.approx(10 * one["order"][1]["behind_sem"])
        assert one["winner"] == winner
        assert ("standard errors that 2 trials ask for" in sentence([one])) == (winner is None)


@pytest.mark.parametrize(("behind", "winner"), [(2.6e-13, None), (1e-6, "kmeans")])
def test_rounding_is_no_victory_where_no_trial_has_an_excess(behind: float, winner: str | None) -> None:
    """Codes that are exact in every trial differ by rounding alone, and their standard errors are zero."""
    points = [constant("kmeans", 1, 2.2e-16, 50), constant("pruned", 1, behind, 50)]
    one = verdict(curves(points, nothing_sent(10.0, 50)), 1.0, 1.7)
    assert one["winner"] == winner
    if winner is None:
        assert sentence([one]).startswith(
            "At 1 bit a weight there is no winner: K-means and pruning are within"
        )
        assert " at 0. That is below ERM's 1.7." in sentence([one])
    else:
        assert "K-means wins with 0, 1e-06 ± 0 below pruning" in sentence([one])


def test_who_is_told_the_prior_is_named_beside_the_best_that_is_not() -> None:
    points = [
        constant("remote_prior", 1, 1.0, 50),
        constant("kmeans", 1, 2.0, 50),
        constant("pruned", 1, 3.0, 50),
    ]
    one = verdict(curves(points, nothing_sent(10.0, 50)), 1.0, 3.0)
    assert one["winner"] == "remote_prior"
    assert one["without_prior"]["winner"] == "kmeans"
    assert "Without the prior K-means wins with 2, 1 ± 0 below pruning." in sentence([one])
