"""Moments of all runs of few sorted weights, kept one by one."""

from __future__ import annotations

import functools

import numpy as np

from ratedist.quantizers.scalar.run_table import ROUNDING, Moments


class DenseTable:
    """What ``RunTable`` is, for few entries: quicker there, with memory 32 M² bytes.

    With N_t = Σh and T_t = Σh(w_t − w) over a run up to the entry t, T_t = T_{t−1} + (w_t − w_{t−1})N_{t−1}
    and the scatter grows by ``h_t T_t²/(N_{t−1} N_t)``: sums of positive terms again.

    Source: Welford 1962, with the means measured from the last entry.
    """

    is_dense = True

    def __init__(
        self, position: np.ndarray, mass: np.ndarray | None = None, scatter: np.ndarray | None = None
    ) -> None:
        M = position.size
        self.position = position
        self.weight = np.ones(M) if mass is None else mass
        self.relative_error = (7 * M + 20) * ROUNDING
        # Rows are starts i, columns last entries t; below the diagonal there is no run.
        # Few arrays: a new one of this size costs as much as what is done with it.
        no_run = np.tri(M, k=-1, dtype=bool)
        mass = np.repeat(self.weight[None], M, axis=0)
        mass[no_run] = 0.0
        np.cumsum(mass, axis=1, out=mass)
        moment = np.zeros((M, M))
        np.multiply(mass[:, :-1], np.diff(position), out=moment[:, 1:])
        np.cumsum(moment[:, 1:], axis=1, out=moment[:, 1:])
        mass[no_run] = 1.0
        reach = moment / mass
        moment[:, 1:] /= mass[:, :-1]
        moment *= self.weight
        moment *= reach
        if scatter is not None:
            moment += np.triu(np.broadcast_to(scatter, (M, M)))
        scatter = np.cumsum(moment, axis=1, out=moment)
        scatter[no_run] = np.inf
        self._all = Moments(mass, np.broadcast_to(position, (M, M)), -reach, reach, scatter)

    @property
    def size(self) -> int:
        """M."""
        return self.position.size

    def all_moments(self) -> Moments:
        """Moments of every run [i, t + 1), each of shape ``(M, M)``, with infinite scatter where i > t."""
        return self._all

    @functools.cached_property
    def all_means(self) -> np.ndarray:
        """Mean of every run [i, t + 1), shape ``(M, M)``, not a number where i > t."""
        return np.where(np.isfinite(self._all.scatter), self._all.anchor + self._all.offset, np.nan)

    def all_costs(self) -> np.ndarray:
        """Scatter of every run [i, t + 1), shape ``(M, M)``, infinite where i > t."""
        return self._all.scatter

    def moments(self, start: np.ndarray, end: np.ndarray) -> Moments:
        """As ``RunTable.moments``."""
        return Moments(*(array[start, end - 1] for array in self._all))

    def means(self, edges: np.ndarray) -> np.ndarray:
        """As ``RunTable.means``."""
        moments = self.moments(edges[:-1], edges[1:])
        return moments.anchor + moments.offset

    def cost(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """As ``RunTable.cost``."""
        return self._all.scatter[start, end - 1]

    def costs_to(self, low: int, high: int, end: int) -> np.ndarray:
        """As ``RunTable.costs_to``."""
        return self._all.scatter[low : high + 1, end - 1]
