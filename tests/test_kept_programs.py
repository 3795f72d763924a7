"""A compiled function that forgets: what it keeps is bounded, and what it returns does not change."""

import jax
import numpy as np

from ratedist.kept_programs import few_kept


def test_programs_are_bounded_and_numbers_the_same():
    plain = jax.jit(lambda x: 2 * x)
    bounded = few_kept(plain, most=3)
    for size in (*range(1, 8), 2):
        np.testing.assert_array_equal(bounded(np.arange(size)), 2 * np.arange(size))
        assert plain._cache_size() <= 3
    assert bounded.__wrapped__ is plain
