"""The smallest step within a budget, for sizes that are known."""

import math

import numpy as np
import pytest

from ratedist.networks.step_search import LEFT, TRIALS, smallest_step


@pytest.mark.parametrize("start", [-20.0, 0.0, 3.0, 15.0])
@pytest.mark.parametrize("most", [300, 5_000, 90_000])
def test_it_comes_near_the_budget_and_keeps_to_it(start, most):
    trials = []

    def size_of(place):
        trials.append(place)
        return 200 + round(30_000 * math.log2(1 + 2.0 ** (1.5 - place)))

    found = smallest_step(size_of, most, start)
    assert (1 - LEFT) * most <= size_of(found) <= most
    assert len(trials) <= TRIALS


def test_ripples_do_not_break_a_budget():
    def size_of(place):
        return round(10_000 * (1 + 0.01 * np.sin(300 * place)) * 2.0**-place)

    for most in (1_000, 7_777):
        assert 0.95 * most <= size_of(smallest_step(size_of, most, 0.0)) <= most


def test_where_no_step_will_do_and_where_all_do():
    assert smallest_step(lambda place: 500, 400, 0.0) is None
    assert smallest_step(lambda place: 300, 400, 0.0) is not None
    # A jump across the budget: the side that keeps to it.
    assert smallest_step(lambda place: 900 if place < 2.5 else 100, 400, 0.0) >= 2.5
