"""How statistical tests judge an estimate: four standard errors, and a cap on that error."""

from ratedist.estimate import Estimate


def assert_agrees(estimate: Estimate, expected: float, max_sem: float) -> None:
    """The estimate lies within four of its standard errors of ``expected``, and that error is small."""
    assert estimate.sem <= max_sem, f"standard error {estimate.sem:g} above its cap {max_sem:g}"
    assert abs(estimate.mean - expected) <= 4 * estimate.sem, f"{estimate} against {expected:.8g}"


def assert_same(first: Estimate, second: Estimate, max_sem: float) -> None:
    """Two independent estimates of one number lie within four standard errors of their difference."""
    sem = (first.sem**2 + second.sem**2) ** 0.5
    assert_agrees(Estimate(first.mean - second.mean, sem, first.num_trials), 0.0, max_sem)
