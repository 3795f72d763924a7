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


def test_equal_values_do_not_vary() -> None:
    """0.1 + 0.2 three times and a third have means that round to other numbers."""
    for value in (0.1 + 0.2, 1 / 3, 5 * np.log(2.0)):
        for sizes in ((3,), (7, 3), (1000, 41)):
            parts = [Moments.of(("a",), np.full((size, 1), value)) for size in sizes]
            merged = parts[0] if len(parts) == 1 else parts[0].merge(parts[1])
            assert merged.estimate("a") == Estimate(value, 0.0, sum(sizes))


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
    assert str(Estimate(1.0, 0.5, 2, "unreliable")) == "1.00 ± 0.50 (unreliable)"
    assert Estimate(1.0, 0.5, 2).standard_errors_from(0.0) == 2.0


@pytest.mark.parametrize(
    ("mean", "sem", "text"),
    [
        (2.71828182, 0.0123, "2.718 ± 0.012"),
        (2.71828182, 0.0996, "2.72 ± 0.10"),  # an error that rounds up has another last place
        (2.71828182, 0.00996, "2.718 ± 0.010"),
        (123456.7, 1234.0, "123500 ± 1200"),
        (123456.7, 12.34, "123457 ± 12"),
        (1.2345678e10, 1.2e7, "(1.2346 ± 0.0012)e+10"),
        (-3.14159e-9, 2.5e-11, "(-3.142 ± 0.025)e-09"),
        (0.0012, 0.5, "0.00 ± 0.50"),
        (-0.0012, 0.5, "0.00 ± 0.50"),
        (0.0, 3e-7, "(0.0 ± 3.0)e-07"),
        (34.65735902799726, 0.0, "34.6574 ± 0"),
        (2.0, float("nan"), "2 ± nan"),
        (float("inf"), float("nan"), "inf ± nan"),
        (1.0694123456789, 1e-9, "1.0694123457 ± 0.0000000010"),
        (1.0, 1e-20, "1 ± 1e-20"),
        (0.0619379894552278, 6.6e-19, "0.061938 ± 6.6e-19"),
        (9.999999, 0.01, "10.000 ± 0.010"),
        (999999.9, 120.0, "1000000 ± 120"),
    ],
)
def test_no_digit_is_finer_than_the_error(mean: float, sem: float, text: str) -> None:
    assert str(Estimate(mean, sem, 10)) == text


@given(st.floats(-1e12, 1e12), st.floats(1e-12, 1e12))
def test_the_text_is_the_number_to_within_its_last_place(mean: float, sem: float) -> None:
    text = str(Estimate(mean, sem, 10))
    body, _, exponent = text.partition("e") if text.startswith("(") else (text, "", "0")
    shown, error = (float(part.strip("()")) * 10.0 ** int(exponent) for part in body.split("±"))
    assert abs(error - sem) <= 0.051 * sem
    finest = 1e-14 if sem > 1e-13 * abs(mean) else 6e-6
    assert abs(shown - mean) <= 0.051 * sem + finest * abs(mean)


def test_formats_apply_to_both_numbers_and_widths_to_the_whole() -> None:
    estimate = Estimate(1.06941, 0.00098, 10, "careful")
    assert f"{estimate:.3f}" == "1.069 ± 0.001 (careful)"
    assert f"{estimate:+.1e}" == "+1.1e+00 ± +9.8e-04 (careful)"
    assert f"{estimate}" == str(estimate)
    assert f"{Estimate(1.0, 0.5, 2):>14}" == "   1.00 ± 0.50"
    assert f"{Estimate(1.0, 0.5, 2):*<14s}" == "1.00 ± 0.50***"
    assert f"{Estimate(1.0, 0.5, 2):.3}" == "1.0 ± 0.5"  # digits of numbers, not a cut through the text
    with pytest.raises(ValueError, match="format"):
        f"{estimate:.3q}"


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_intervals_cover_normal_values_as_often_as_they_say(level: float) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(3.0, 2.0, (8000, 5))
    sems = values.std(axis=1, ddof=1) / 5**0.5
    ends = [Estimate(m, s, 5).interval(level) for m, s in zip(values.mean(axis=1), sems, strict=True)]
    coverage = np.mean([low <= 3.0 <= high for low, high in ends])
    assert abs(coverage - level) < 4 * (level * (1 - level) / 8000) ** 0.5


def test_intervals_at_their_ends() -> None:
    low, high = Estimate(1.0, 0.5, 10**9).interval()
    assert (low, high) == pytest.approx((1 - 0.5 * 1.959963985, 1 + 0.5 * 1.959963985))
    assert Estimate(1.0, 0.0, 1).interval(0.5) == (1.0, 1.0)
    with pytest.raises(ValueError, match="at least 2 trials, got 1"):
        Estimate(1.0, float("nan"), 1).interval()
    for level in (0.0, 1.0, 95, -0.1):
        with pytest.raises(ValueError, match="level must be one number strictly between 0 and 1"):
            Estimate(1.0, 0.5, 9).interval(level)
    for level in ([0.9, 0.95], "0.9", float("nan"), None):
        with pytest.raises(ValueError, match="level must be"):
            Estimate(1.0, 0.5, 9).interval(level)  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="not reliable"):
        Estimate(1.0, 0.5, 9, "this standard error is not reliable").interval()


def test_columns_of_another_number_or_name_are_not_mixed() -> None:
    values = np.arange(6.0).reshape(3, 2)
    moments = Moments.of(("a", "b"), values)
    with pytest.raises(ValueError, match=r"values must have shape \(num_trials, 3\), got \(3, 2\)"):
        Moments.of(("a", "b", "c"), values)
    with pytest.raises(ValueError, match="cannot be merged"):
        moments.merge(Moments.of(("b", "a"), values))
