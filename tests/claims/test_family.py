"""The probability of a false alarm in a whole run is what is said."""

import math

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student_t

from ratedist.claims.evidence import sample_mean
from ratedist.claims.judging import FAMILY_ERROR, Family, judge
from ratedist.claims.numbers import EQUAL, Comparison, numbers, simulated
from ratedist.claims.two_centers import two_centers
from ratedist.claims.verdict import Verdict


def test_the_level_of_a_run_is_divided_among_its_comparisons(family) -> None:
    assert family.comparisons > 300
    m, N = family.comparisons, 10_000
    width = family.standard_errors(N)
    # Independent comparisons: 1 − (1 − p)^m. Dependent ones: at most m p.
    p = 2 * student_t.sf(width, N - 1)
    assert m * p == pytest.approx(FAMILY_ERROR, rel=1e-9)
    assert -math.expm1(m * math.log1p(-p)) <= FAMILY_ERROR
    # Four standard errors for each, as before, are upset in one run of forty.
    assert -math.expm1(m * math.log1p(-2 * norm.sf(4.0))) == pytest.approx(1 / 40, abs=0.003)


def test_false_alarms_of_simulated_runs() -> None:
    """Runs of 40 comparisons in 20 equal pairs: a share of 0.05 is upset at most."""
    generator, runs, m, N, level = np.random.default_rng(0), 2000, 40, 200, 0.05
    family = Family(m, level)
    own = generator.standard_normal((runs, m // 2, 1)) * np.ones((1, 1, 2))
    estimates = own.reshape(runs, m) / math.sqrt(N)
    spread = np.sqrt(generator.chisquare(N - 1, (runs, m // 2, 1)) / (N - 1)) * np.ones((1, 1, 2))
    sems = spread.reshape(runs, m) / math.sqrt(N)
    upset = 0
    for run in range(runs):
        checks = [
            Comparison("mean", EQUAL, 0.0, e, 0.0, s, N, scale=1.0, resolution=10.0)
            for e, s in zip(estimates[run], sems[run], strict=True)
        ]
        upset += judge(numbers(checks), family).verdict is Verdict.FAILS
    error = math.sqrt(level * (1 - level) / runs)
    assert upset / runs <= level + 4 * error
    # Twenty different ones only: half of the level is used.
    assert upset / runs == pytest.approx(0.025, abs=4 * error)


def test_skewed_trials_are_allowed_for() -> None:
    """Exponential trials, skewness 2: without the correction the interval misses more often than said."""
    generator, runs, N, level = np.random.default_rng(1), 40_000, 100, 0.002
    trials = generator.standard_exponential((runs, N))
    means, sems = trials.mean(axis=1), trials.std(axis=1, ddof=1) / math.sqrt(N)
    skewed, normal = (Family(1, level).standard_errors(N, skewness) for skewness in (2.0, 0.0))
    missed = np.abs(means - 1) / sems
    error = math.sqrt(level / runs)
    assert np.mean(missed > normal) > level + 4 * error
    assert np.mean(missed > skewed) < level + 4 * error


def test_skewness_is_that_of_the_trials() -> None:
    generator = np.random.default_rng(2)
    estimate = sample_mean(generator.standard_exponential(400_000))
    assert estimate.skewness == pytest.approx(2.0, abs=0.1)
    assert simulated("mean", EQUAL, 1.0, estimate).skewness == estimate.skewness
    assert sample_mean(np.ones(100)).skewness == 0.0


def test_skewness_quoted_for_two_clusters_and_for_the_codebook() -> None:
    """The numbers in ``ratedist.claims.judging``, from W's own law at (50, 80)."""
    generator, trials = np.random.default_rng(3), 100_000
    u = generator.standard_normal((trials, 50)) / np.sqrt(generator.chisquare(31, (trials, 1)))
    w_star = np.tile([1.0, -1.0], 25)
    assert sample_mean(np.sum(u**2, axis=1)).skewness == pytest.approx(1.2, abs=0.1)
    weights = w_star + u
    # In parts: of all trials at once each of its many arrays has 40 MB.
    parts = np.split(weights, 20)[:10]
    fits = np.concatenate([two_centers(part, np.ones_like(part), 0.0) for part in parts])
    two = sample_mean(np.sum((fits - w_star) ** 2, axis=1))
    assert 7 < two.skewness < 25  # 13 from 2.4 million trials; it hangs on the rarest of them
    wrong = np.mean(np.any(np.sign(weights) != w_star, axis=1))
    assert 1 / 20_000 < wrong < 1 / 6_000


def test_few_trials_widen_the_interval() -> None:
    family = Family(100)
    assert family.standard_errors(49) == math.inf
    assert family.standard_errors(50) > family.standard_errors(1000) > family.standard_errors(10**6)
    assert family.standard_errors(1000, 3.0) > family.standard_errors(1000)
    assert Family(1000).standard_errors(1000) > family.standard_errors(1000)
    assert Family().comparisons == 1
