"""Whether the loops of Lloyd's method are those that Numba compiles, or NumPy's: both give the same bits."""

from __future__ import annotations

import functools
import sys
from types import ModuleType

# Seconds that Numba takes to load, and what NumPy takes for a call, a cluster and a weight, about.
LOADING = 0.5
CALL, CLUSTER, WEIGHT = 2e-3, 7e-5, 1e-7


class _Spent:
    """What NumPy took in this process so far, by the estimate above."""

    seconds = 0.0


def compiled_loops(num_weights: int, num_clusters: int, at_once: bool = False) -> ModuleType | None:
    """The compiled loops, if there is Numba and it pays to load it.

    That is where something else has loaded it, and where NumPy has taken as long in this process as loading
    takes: then no more than twice the least time is spent, whatever comes.

    Args:
        num_weights: d of what is to be clustered next.
        num_clusters: K.
        at_once: whether Numba is needed for something else anyway.
    """
    if not at_once and sys.modules.get("numba") is None:
        _Spent.seconds += CALL + CLUSTER * num_clusters + WEIGHT * num_weights
        if _Spent.seconds < LOADING:
            return None
    return _loaded()


@functools.cache
def _loaded() -> ModuleType | None:
    try:
        from ratedist.quantizers.scalar import compiled_lloyd
    except (ImportError, OSError):  # no Numba, or a disk too full for what it keeps
        return None
    return compiled_lloyd
