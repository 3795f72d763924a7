import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratedist.estimate import Estimate, Moments


def columns(seed: int, count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.normal(3.0, 2.0, count)
    return {"a": first, "b": first + rng.normal(0.1, 1e-6, count)}


def moments(columns: dict[str, np.ndarray]) -> Moments:
    return Moments.of(tuple(columns), np.stack(list(columns.values()), axis=1))


@given(st.integers(0, 100), st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_batches_merge_to_the_whole(seed: int, sizes: list[int]) -> None:
    whole = columns(seed, sum(sizes))
    ends = np.cumsum(sizes)
    parts = [
        moments({name: values[end - size : end] for name, values in whole.items()})
        for end, size in zip(ends, sizes, strict=True)
    ]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    assert merged.count == sum(sizes)
    for name, values in whole.items():
        assert merged.estimate(name).mean == pytest.approx(values.mean(), rel=1e-13)
        assert merged.maximum[merged.names.index(name)] == values.max()
        if len(values) > 1:
            expected = values.std(ddof=1) / len(values) ** 0.5
            assert merged.estimate(name).sem == pytest.approx(expected, rel=1e-9)


def test_paired_differences_keep_their_digits() -> None:
    whole = columns(0, 1000)
    merged = moments({name: values[:300] for name, values in whole.items()}).merge(
        moments({name: values[300:] for name, values in whole.items()})
    )
    difference = whole["b"] - whole["a"]
    estimate = merged.difference("b", "a")
    assert estimate.mean == pytest.approx(difference.mean(), rel=1e-12)
    assert estimate.sem == pytest.approx(difference.std(ddof=1) / 1000**0.5, rel=1e-9)
    assert merged.difference("a", "a") == Estimate(0.0, 0.0, 1000)


def test_one_trial_has_no_standard_error() -> None:
    estimate = moments({"a": np.array([2.0])}).estimate("a")
    assert estimate.mean == 2.0
    assert np.isnan(estimate.sem)


def test_estimates_print_with_their_error_and_note() -> None:
    assert str(Estimate(1.06941, 0.00098, 10_000)) == "1.06941 ± 0.00098"
    assert str(Estimate(1.0, 0.5, 2, "unreliable")) == "1 ± 0.5 (unreliable)"
    assert Estimate(1.0, 0.5, 2).standard_errors_from(0.0) == 2.0
