"""The smallest step for which a file keeps to a budget: few trials, each of which rounds everything anew."""

from __future__ import annotations

import math
from collections.abc import Callable

# Of a budget: what may be left of it. Trials at most, and how near to each other doublings are told apart.
LEFT, TRIALS, NEAR = 0.003, 24, 1e-3
# Doublings at once.
FARTHEST = 4.0
# Of the doublings between a step that is too small and one that is not, a trial is not nearer to either.
WITHIN = 0.1


def smallest_step(size_of: Callable[[float], int], most: int, start: float) -> float | None:
    """Base-2 logarithm of a step whose file has at most so many bytes, and nearly that many.

    Sizes fall, but for small ripples, while steps grow. First the step is doubled or halved, by more each
    time, until the budget is between two trials. Then it is looked for between those, by the logarithm of
    their sizes.

    Args:
        size_of: bytes at the logarithm of a step.
        most: bytes of the budget.
        start: logarithm of the step to begin with.

    Returns:
        ``None`` if no trial keeps to the budget.
    """
    target = math.log(max(most * (1 - LEFT / 2), 1.0))
    small: tuple[float, float] | None = None
    large: tuple[float, float] | None = None
    place, move, before = start, 0.5, None
    for _ in range(TRIALS):
        size = size_of(place)
        here = place, math.log(max(size, 1))
        if size <= most:
            large = here
            if size >= (1 - LEFT) * most or (size == before and small is None):
                break
        else:
            small = here
        before = size
        if small is None or large is None:
            place, move = place + (move if large is None else -move), min(2 * move, FARTHEST)
            continue
        if large[0] - small[0] < NEAR:
            break
        part = (small[1] - target) / (small[1] - large[1]) if small[1] > large[1] else 0.5
        place = small[0] + min(max(part, WITHIN), 1 - WITHIN) * (large[0] - small[0])
    return None if large is None else large[0]
