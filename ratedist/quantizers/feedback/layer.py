"""A layer that is rounded with feedback to several sets of levels: its factor is computed once."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.quantizers.feedback.factor import FeedbackFactor, Order, feedback_factor
from ratedist.quantizers.feedback.rounding import feedback_cost, nearest_plane_labels, refitted_levels
from ratedist.quantizers.quantized import LARGEST, LARGEST_EXPONENT, Quantized, require_concrete

# Of entries, in units of the roots of their diagonal entries: what single precision may leave.
TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True, eq=False)
class FeedbackLayer:
    """Weights of a layer and the factor of its inputs' second moments.

    Attributes:
        weights: W, float64 of shape ``(d, o)``.
        second_moment: M, float64 of shape ``(d, d)``, its largest diagonal entry between a half and 1.
        exponent: M was this power of two larger.
        factor: of M.
    """

    weights: np.ndarray
    second_moment: np.ndarray
    exponent: int
    factor: FeedbackFactor

    @classmethod
    def of(
        cls,
        weights: ArrayLike,
        second_moment: ArrayLike,
        order: Order = "largest_first",
        damping: float = 0.01,
    ) -> FeedbackLayer:
        """Check and factor; arguments and errors are those of ``quantize_with_feedback``."""
        given = {"weights": weights, "second_moment": second_moment}
        for name, value in given.items():
            require_concrete(name, value)
        W, M = (_checks.real_array(name, value) for name, value in given.items())
        if W.ndim != 2 or W.size == 0:
            raise ValueError(f"weights must have shape (inputs, outputs), got shape {W.shape}")
        if M.shape != (len(W), len(W)):
            raise ValueError(f"second_moment must have shape {(len(W), len(W))}, got {M.shape}")
        _require_size("weights", W)
        if np.min(np.diag(M)) < 0:
            raise ValueError(
                "second_moment must be positive semidefinite: its diagonal has means of squares, the least "
                f"is {np.min(np.diag(M)):g}"
            )
        exponent = int(np.frexp(np.max(np.diag(M)))[1])
        M = np.ldexp(M, -exponent)
        root = np.sqrt(np.diag(M))
        limit = root[:, None] * root[None, :]
        if np.any(np.abs(M - M.T) > TOLERANCE * limit) or np.any(np.abs(M) > (1 + TOLERANCE) * limit):
            raise ValueError(
                "second_moment must be symmetric positive semidefinite: entries M_ij and M_ji are equal, and "
                "at most the root of M_ii M_jj in size"
            )
        M = (M + M.T) / 2
        return cls(W, M, exponent, feedback_factor(M, order, damping))

    def quantized(self, levels: ArrayLike, max_iterations: int = 1) -> Quantized:
        """Round to levels, and refit these; arguments and errors as of ``quantize_with_feedback``."""
        require_concrete("levels", levels)
        c = np.sort(_checks.real_array("levels", levels), axis=None)
        if np.ndim(levels) != 1 or c.size == 0:
            raise ValueError(f"levels must have shape (K,) with K >= 1, got shape {np.shape(levels)}")
        _require_size("levels", c)
        most = _checks.integer("max_iterations", max_iterations, 1)
        # By a power of two to ordinary size.
        of_weights = int(np.frexp(max(np.max(np.abs(self.weights)), np.max(np.abs(c))))[1])
        of_cost = self.exponent + 2 * of_weights
        if of_cost + int(np.frexp(float(self.weights.size) * len(self.weights))[1]) > LARGEST_EXPONENT:
            raise ValueError(
                "second_moment must be smaller, for its product with squares of weights and levels: its "
                f"largest entry is about 2^{self.exponent}, rescale it"
            )
        W, c = np.ldexp(self.weights, -of_weights), np.ldexp(c, -of_weights)
        best, iteration, converged = (np.inf, c, np.zeros(0, np.uint8)), 0, False
        while iteration < most and not converged:
            iteration += 1
            labels = nearest_plane_labels(W, self.factor, c)
            for refit in (False, True):
                if refit:
                    c = refitted_levels(W, labels, c, self.second_moment, self.factor)
                    places = np.argsort(c, kind="stable")
                    c, labels = c[places], np.argsort(places).astype(labels.dtype)[labels]
                cost = feedback_cost(W - c[labels], self.second_moment, self.factor)
                if cost < best[0]:
                    best = cost, c, labels
                else:
                    converged = refit
        cost, c, labels = best[0], np.ldexp(best[1], of_weights), best[2].reshape(-1)
        return Quantized(c, labels, c[labels], float(np.ldexp(cost, of_cost)), 0.0, converged, iteration)


def _require_size(name: str, array: np.ndarray) -> None:
    if np.max(np.abs(array)) > LARGEST:
        raise ValueError(f"{name} must be at most {LARGEST:g} in size, for their squares: rescale them")
