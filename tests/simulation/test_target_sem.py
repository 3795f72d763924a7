"""Runs that end by their standard errors: where they end, what it does to the means, and how they go on."""

import jax
import numpy as np
import pytest

import ratedist as rd
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.simulation.accumulation import BLOCK, Accumulation
from ratedist.simulation.loop import run_trials
from ratedist.simulation.target import Target
from ratedist.simulation.trials import Column
from tests.statistics import assert_agrees

MODEL = rd.GaussianLinearModel(20, rd.two_level_weights(4))
KINDS = {"erm": rd.ERM(), "fixed": rd.FixedCodebook([-1.0, 1.0])}
KEY = jax.random.key(3)
SEM = 0.002


def run(trials: int = 1, **options):
    return rd.simulate(MODEL, KINDS, trials, KEY, batch_size=256, **options)


def largest(result) -> float:
    return max(getattr(one, risk).sem for one in result.values() for risk in RISK_NAMES)


def test_the_run_ends_as_soon_as_the_error_is_there(tmp_path) -> None:
    result = run(target_sem=SEM)
    trials = result.num_trials
    assert trials % BLOCK == 0
    assert largest(result) <= SEM
    assert largest(run(trials - BLOCK)) > SEM
    assert run(trials)["erm"] == result["erm"]  # of its trials it has nothing else
    assert_agrees(result["erm"].population_risk, rd.theory.erm_population_risk(MODEL), SEM)
    # Going on: from a run that ended earlier, by a larger error or by its number of trials.
    path = tmp_path / "state"
    run(300, checkpoint_path=path)
    assert run(target_sem=2 * SEM, checkpoint_path=path).num_trials < trials
    assert run(target_sem=SEM, checkpoint_path=path)["erm"] == result["erm"]
    assert run(target_sem=SEM, checkpoint_path=path).num_trials == trials
    # More than are needed are there already, and none is thrown away.
    assert run(target_sem=2 * SEM, checkpoint_path=path).num_trials == trials


def test_samples_are_those_of_the_trials_there_were() -> None:
    result = run(target_sem=3 * SEM, max_trials=100_000, return_samples=True)
    assert result["erm"].samples["distortion"].shape == (result.num_trials,)
    assert result["erm"].samples["population_risk"].mean() == pytest.approx(
        result["erm"].population_risk.mean
    )


def test_the_most_trials_are_the_end_and_a_warning_says_what_is_missing() -> None:
    with pytest.warns(UserWarning, match=r"has a standard error of 0\.\d+ after the 700 trials .* 1e-06 was"):
        result = run(target_sem=1e-6, max_trials=700)
    assert result.num_trials == 700
    assert run(5000, target_sem=1.0).num_trials == 5 * BLOCK  # not before the fewest


def test_what_cannot_be_is_refused() -> None:
    heavy = rd.GaussianLinearModel(7, rd.two_level_weights(4))  # n = d + 3
    for options, message in (
        ({"target_sem": 0.0}, "target_sem must be one number above zero"),
        ({"target_sem": 0.1, "max_trials": 5}, "max_trials must be at least 10, got 5"),
    ):
        with pytest.raises(ValueError, match=message):
            run(10, **options)
    with pytest.raises(
        ValueError, match=r"finite variance, and that of the .* of 'erm' is infinite for n <= d"
    ):
        rd.simulate(heavy, KINDS, 10, KEY, target_sem=0.1)
    assert (
        rd.simulate(heavy, {"f": KINDS["fixed"]}, 10, KEY, batch_size=256, target_sem=0.5).num_trials == BLOCK
    )


def test_a_single_trial_has_no_error_to_end_by() -> None:
    with pytest.raises(ValueError, match="max_trials must be at least 2, got 1"):
        run(1, target_sem=0.1, max_trials=1)


@pytest.mark.parametrize("sem", [1e-300, 5e-324, 1e-9])
def test_an_error_that_cannot_be_reached_is_told_in_words(sem: float) -> None:
    """Its square is no number of double precision, nor is that of how far it is away."""
    values = np.random.default_rng(1).normal(size=(2 * BLOCK, 1))
    total = Accumulation()
    total.add({risk: Column(("a",), values) for risk in RISK_NAMES})
    while total.fold():
        pass
    target = Target(sem, 2)
    assert not target.is_reached(total)
    takes = "some 1e\\+18" if sem == 1e-9 else "more"
    with pytest.warns(UserWarning, match=f"{sem:g} was asked for: that takes ({takes}|more) trials"):
        target.warn_if_missed(total, 2 * BLOCK)


def test_any_number_may_be_asked_for_and_what_is_said_agrees_with_when_it_ends() -> None:
    values = np.random.default_rng(1).normal(size=(BLOCK, 1))
    total = Accumulation()
    total.add({risk: Column(("a",), values) for risk in RISK_NAMES})
    total.fold()
    own = total.moments()["distortion"].estimate("a").sem
    assert Target(1e200, 2).is_reached(total)
    assert Target(own, 2).is_reached(total)  # the error itself, to the last bit
    assert not Target(np.nextafter(own, 0), 2).is_reached(total)


def test_the_bias_of_stopping_is_what_the_docstring_says() -> None:
    """Means of runs that ended by their error lie −γ/√N standard errors off: γ = 2 for exponential values."""
    runs, trials, fewest, most = 5000, 400, 50, 800
    values = np.random.default_rng(0).exponential(size=(runs, most))
    count = np.arange(1, most + 1)
    mean, square = (np.cumsum(values**power, axis=1) / count for power in (1, 2))
    reached = (square - mean**2) / (count - 1).clip(1) <= 1 / trials
    reached[:, : fewest - 1] = False
    assert reached.any(axis=1).all()
    off = (mean[np.arange(runs), reached.argmax(axis=1)] - 1) * trials**0.5  # in standard errors
    error = off.std() / runs**0.5
    print(f"{off.mean():.4f} ± {error:.4f}")
    assert abs(off.mean() + 2 / trials**0.5) < 4 * error
    assert off.mean() < -4 * error  # it is there


def test_looks_are_at_whole_blocks_whatever_the_batches() -> None:
    values = np.random.default_rng(1).normal(size=(40 * BLOCK, 1))

    def batch(start: int, count: int) -> dict[str, Column]:
        return {risk: Column(("a",), values[start : start + count]) for risk in RISK_NAMES}

    ends = set()
    for size in (100, BLOCK, 5000):
        total = run_trials(
            batch, 40 * BLOCK, size, kept=None, save_seconds=9.0, target=Target(0.01, 2), samples=None,
            progress=False,
        )  # fmt: skip
        ends.add((total.num_trials, total.moments()["distortion"].mean.item()))
    assert len(ends) == 1
    assert 9 * BLOCK <= next(iter(ends))[0] <= 11 * BLOCK  # (1/0.01)² = 10,000
