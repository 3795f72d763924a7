r"""Iterative thresholding of singular values: proximal gradient on the quadratic of a linear model.

``F(X) = ½ tr L(W − X)R(W − X)ᵀ + pen(X)`` is lowered by ``X ← prox_{η pen}(X − η∇)``, ``∇ = L(X − W)R``. The
gradient has the Lipschitz constant ``ℓ = λ_max(L) λ_max(R)``. For η ≤ 1/ℓ F never rises, whether the penalty
is convex or not: X is replaced by the minimiser of a function that lies above F and touches it in X.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.lowrank.metric_factor import MetricFactor, metric_factor
from ratedist.lowrank.penalties import Penalty, require_penalty
from ratedist.lowrank.projection import svd

# What rounding can do to an objective: as a part of it, and by rounded entries, as a part of the longest W.
ROUNDING = 1e-12
ENTRY_ROUNDING = 1e-14
# Weights up to here, and Lipschitz constants up to here and down to its inverse: objectives fit float64.
LARGEST = 1e100
DIVERGED = 1e105
# Objectives below lose digits one by one.
SMALLEST_NORMAL = np.finfo(np.float64).tiny


@dataclasses.dataclass(frozen=True, eq=False)
class Thresholded:
    """Where iterative thresholding ended, and how it came there.

    Attributes:
        weights: X, shape ``(o, d)``.
        singular_values: of X, falling, shape ``(min(o, d),)``; what was thresholded is exactly 0.
        objective: F at the start and after each iteration, shape ``(iterations + 1,)``.
        step: η that was used.
        lipschitz: ℓ, the Lipschitz constant of the gradient. Descent is certain for η ≤ 1/ℓ.
        stationarity: ‖Δ‖/η of the last iteration as a part of ‖LWR‖, the length of the gradient in 0.
        converged: whether that is at most the tolerance. Then X is a stationary point to that precision;
            where the penalty is not convex there may be lower ones.
        rounding: how far rounding alone may raise the objective, shape ``(iterations,)``.
    """

    weights: np.ndarray = dataclasses.field(repr=False)
    singular_values: np.ndarray
    objective: np.ndarray = dataclasses.field(repr=False)
    step: float
    lipschitz: float
    stationarity: float
    converged: bool
    rounding: np.ndarray = dataclasses.field(repr=False)

    @property
    def rank(self) -> int:
        """How many singular values are not 0."""
        return int(np.count_nonzero(self.singular_values))

    @property
    def iterations(self) -> int:
        """Steps that were taken."""
        return len(self.objective) - 1

    @property
    def monotone(self) -> bool:
        """Whether the objective never rose by more than rounding."""
        return bool(np.all(self.objective[1:] <= self.objective[:-1] + self.rounding))


def thresholding(
    W: ArrayLike,
    penalty: Penalty,
    *,
    left: ArrayLike | None = None,
    right: ArrayLike | None = None,
    start: ArrayLike | None = None,
    step: float | None = None,
    accelerate: bool = False,
    max_iterations: int = 10_000,
    tolerance: float = 1e-8,
) -> Thresholded:
    """Weights near W of small, or no, singular values: ``½ tr L(W − X)R(W − X)ᵀ + pen(X)``, lowered in X.

    Without metrics one iteration is enough, and attains the minimum. With them it takes about as many as the
    product of their condition numbers. What it ends at is the minimum for :class:`NuclearNorm`, and elsewhere
    a stationary point that depends on the start.

    Args:
        W: fitted weights, shape ``(o, d)``.
        penalty: on the singular values of X, as ``NuclearNorm(0.1)``, ``RankPenalty``, ``SchattenPenalty``,
            ``FirmPenalty``, ``FixedRank`` or ``DampedRank``.
        left: L, metric of the outputs: a number, a diagonal ``(o,)`` or a matrix ``(o, o)``; positive
            semidefinite. ``None`` for the identity.
        right: R, metric of the inputs, of the same forms. For least squares their second moments.
        start: X to start from, shape ``(o, d)``; ``None`` for W itself. The end of
            another call is a warm start.
        step: η; ``None`` for 1/ℓ. Above it nothing is promised, and a rising objective is warned of.
        accelerate: whether to extrapolate (Nesterov) where that lowers the objective; where it does not, the
            iteration is one without. So it stays monotone.
        max_iterations: steps at most, each with a singular value decomposition of X.
        tolerance: the part of ‖LWR‖ that ‖Δ‖/η is at most, at the end.

    Returns:
        :class:`Thresholded`; with a warning where it did not converge or rose.

    Raises:
        ValueError: shapes that disagree, metrics that are not positive semidefinite or that see nothing, what
            is no penalty, steps that diverge.

    Source: Beck & Teboulle, SIAM J. Imaging Sciences 2 (2009) 183–202, Lemma 2.3; for penalties that are not
        convex Attouch, Bolte & Svaiter, Mathematical Programming 137 (2013) 91–129, Theorem 5.1.

    Example:
        >>> import ratedist as rd
        >>> found = rd.lowrank.thresholding(
        ...     [[3.0, 0.0], [0.0, 1.0]], rd.lowrank.NuclearNorm(0.5), right=[1.0, 0.4]
        ... )
        >>> found.weights.round(6).tolist(), found.rank, found.converged
        ([[2.5, 0.0], [0.0, 0.0]], 1, True)
    """
    quadratic = _checked_quadratic(W, left, right)
    require_penalty("penalty", penalty)
    eta = 1 / quadratic.lipschitz if step is None else _checks.positive_number("step", step)
    max_iterations = _checks.integer("max_iterations", max_iterations, 1)
    tolerance = _checks.number("tolerance", tolerance, high=np.finfo(np.float64).max)
    if not isinstance(accelerate, bool | np.bool_):
        raise ValueError(f"accelerate must be True or False, got {accelerate!r:.80}")
    X = quadratic.W if start is None else _weights("start", start)
    if X.shape != quadratic.W.shape:
        raise ValueError(f"start must have the shape of W, {quadratic.W.shape}, got {X.shape}")
    scale = float(np.linalg.norm(quadratic.gradient(np.zeros_like(X))))
    size = max(float(np.linalg.norm(quadratic.W)), float(np.linalg.norm(X)))
    enough = max(eta * tolerance * scale, 8 * np.finfo(np.float64).eps * size)
    now = _Point(X, values := svd(X)[1], quadratic.value(X) + penalty.value(values))
    last, inertia, history, length = now, 1.0, [now.objective], math.inf
    while len(history) <= max_iterations and length > enough:
        following = (1 + math.sqrt(1 + 4 * inertia**2)) / 2
        new = None
        if accelerate and inertia > 1:
            ahead = now.X + (inertia - 1) / following * (now.X - last.X)
            new = _step(quadratic, penalty, ahead, eta)
        # Whether it has converged is told by a step without extrapolation.
        if new is None or new.objective > now.objective or np.linalg.norm(new.X - now.X) <= enough:
            new, following = _step(quadratic, penalty, now.X, eta), (1 + math.sqrt(5)) / 2
            length = float(np.linalg.norm(new.X - now.X))
        last, now, inertia = now, new, following
        history.append(now.objective)
    objective = np.array(history)
    slip = ENTRY_ROUNDING * size
    reach = np.sqrt(2 * quadratic.lipschitz * objective[1:]) + quadratic.lipschitz * slip / 2
    found = Thresholded(
        now.X,
        now.values,
        objective,
        eta,
        quadratic.lipschitz,
        length / eta / scale if scale > 0 else length,
        bool(length <= enough),
        ROUNDING * objective[1:] + reach * slip + SMALLEST_NORMAL,
    )
    _warn(found, tolerance)
    return found


def thresholding_path(W: ArrayLike, penalties: Iterable[Penalty], **options: Any) -> list[Thresholded]:
    """``thresholding`` under one penalty after the other, each from where the last one ended.

    An annealed penalty, with strengths that fall, reaches lower minima than its last stage alone where it is
    not convex. Ranks that fall approach the last one step by step.

    Args:
        W: fitted weights, shape ``(o, d)``.
        penalties: in their order, as ``strength_path`` or ``rank_path`` make them.
        options: of ``thresholding``, the same at every stage; ``start`` is that of the first.

    Returns:
        One :class:`Thresholded` a stage.

    Raises:
        ValueError: as ``thresholding``, no penalty at all.

    Example:
        >>> import ratedist as rd
        >>> path = rd.lowrank.strength_path(rd.lowrank.RankPenalty(0.02), first_strength=2.0, num_stages=3)
        >>> stages = rd.lowrank.thresholding_path([[3.0, 0.0], [0.0, 1.0]], path)
        >>> [stage.rank for stage in stages]
        [1, 2, 2]
    """
    stages: list[Thresholded] = []
    for penalty in penalties:
        warm: dict[str, Any] = {"start": stages[-1].weights} if stages else {}
        stages.append(thresholding(W, penalty, **(options | warm)))
    if not stages:
        raise ValueError("penalties must have at least one, got none")
    return stages


def _warn(found: Thresholded, tolerance: float) -> None:
    if not found.monotone:
        warnings.warn(
            f"the objective rose: the step {found.step:g} is above 1/ℓ = {1 / found.lipschitz:g}",
            stacklevel=3,
        )
    if not found.converged:
        warnings.warn(
            f"not converged in {found.iterations} iterations: the gradient is {found.stationarity:.1e} of "
            f"that in 0, above the tolerance {tolerance:g}; give more max_iterations, or accelerate",
            stacklevel=3,
        )


@dataclasses.dataclass(frozen=True, eq=False)
class _Point:
    """X, its singular values and the objective."""

    X: np.ndarray
    values: np.ndarray
    objective: float


@dataclasses.dataclass(frozen=True, eq=False)
class _Quadratic:
    """``½‖Pᵀ(X − W)Q‖²`` with L = PPᵀ, R = QQᵀ, its gradient, and the Lipschitz constant of that."""

    W: np.ndarray
    P: MetricFactor
    Q: MetricFactor
    lipschitz: float

    def value(self, X: np.ndarray) -> float:
        root = self.Q.times(self.P.times((X - self.W).T).T)
        length = float(np.ldexp(np.linalg.norm(root), self.P.exponent + self.Q.exponent))
        return 0.5 * length * length

    def gradient(self, X: np.ndarray) -> np.ndarray:
        return _applied(self.Q, _applied(self.P, (X - self.W).T).T)


def _step(quadratic: _Quadratic, penalty: Penalty, X: np.ndarray, eta: float) -> _Point:
    """One step from X, with the objective where it leads."""
    moved = X - eta * quadratic.gradient(X)
    if not np.all(np.abs(moved) <= DIVERGED):
        raise ValueError(
            f"step must be smaller: the iteration diverges with {eta:g}, ℓ = {quadratic.lipschitz:g}"
        )
    U, s, Vt = svd(moved)
    s = penalty.prox(s, eta)
    new = (U * s) @ Vt
    return _Point(new, s, quadratic.value(new) + penalty.value(s))


def _checked_quadratic(W: ArrayLike, left: ArrayLike | None, right: ArrayLike | None) -> _Quadratic:
    w = _weights("W", W)
    if w.ndim != 2 or w.size == 0:
        raise ValueError(f"W must have shape (o, d) with o, d >= 1, got shape {w.shape}")
    P, Q = metric_factor("left", left, w.shape[0]), metric_factor("right", right, w.shape[1])
    lipschitz = _largest(P) * _largest(Q)
    if not 1 / LARGEST <= lipschitz <= LARGEST:
        raise ValueError(f"left and right must see something, with ℓ from 1e-100 to 1e100, got {lipschitz:g}")
    return _Quadratic(w, P, Q, lipschitz)


def _weights(name: str, value: ArrayLike) -> np.ndarray:
    array = _checks.real_array(name, value)
    if np.max(np.abs(array), initial=0.0) > LARGEST:
        raise ValueError(f"{name} must have entries up to {LARGEST:g}, got {np.max(np.abs(array)):g}")
    return array


def _applied(factor: MetricFactor, matrix: np.ndarray) -> np.ndarray:
    """``matrix @ M``, by way of its factor."""
    if factor.values is None:
        return matrix
    F = factor.values
    product = matrix * F**2 if F.ndim == 1 else (matrix @ F) @ F.T
    return np.ldexp(product, 2 * factor.exponent)


def _largest(factor: MetricFactor) -> float:
    """The largest eigenvalue of a metric."""
    if factor.values is None:
        return 1.0
    values = factor.values
    root = float(values.max() if values.ndim == 1 else np.linalg.norm(values, 2))
    return float(np.ldexp(root**2, 2 * factor.exponent))
