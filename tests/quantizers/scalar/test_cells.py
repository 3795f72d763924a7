import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.quantizers.scalar import cells

SHAPES = {
    "normal": lambda rng, size: rng.normal(size=size) - 3.0,
    "heavy": lambda rng, size: rng.standard_cauchy(size) ** 3,
    "ties": lambda rng, size: rng.integers(-3, 3, size) * 0.25,
    "constant": lambda rng, size: np.full(size, -7.5),
    "spike": lambda rng, size: np.where(rng.random(size) < 0.995, 1e-12 * rng.normal(size=size), 1e6),
    "signed zeros": lambda rng, size: rng.choice([-0.0, 0.0, 5e-324, 1.0], size),
}


@settings(max_examples=30)
@given(st.sampled_from(sorted(SHAPES)), st.integers(1, 3000), st.integers(0, 2**32))
def test_sorting_equals_numpy(shape, size, seed):
    values = SHAPES[shape](np.random.default_rng(seed), size)
    np.testing.assert_array_equal(cells.ascending_order(values), np.argsort(values, kind="stable"))
    np.testing.assert_array_equal(cells.ascending(values), np.sort(values))


@pytest.mark.parametrize("few", [0, cells.FEW])
@settings(max_examples=settings().max_examples // 2)
@given(st.sampled_from(sorted(SHAPES)), st.integers(1, 3000), st.integers(0, 300), st.integers(0, 2**32))
def test_searching_equals_numpy(few, shape, size, number, seed):
    rng = np.random.default_rng(seed)
    values = SHAPES[shape](rng, size)
    # Cuts between values, on values, and beyond all of them.
    cuts = np.sort(np.concatenate([rng.normal(size=number), rng.choice(values, number), [np.inf]]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "FEW", few)
        found = cells.number_below(cuts, values)
    np.testing.assert_array_equal(found, np.searchsorted(cuts, values))
    assert found.dtype == np.min_scalar_type(cuts.size)
