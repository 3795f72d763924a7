"""Moments of all trials so far, summed in an order that nothing changes.

Trials are summed in blocks of 1,024 in the order of their numbers, and the moments of the blocks one after
the other. So the same values have the same sums, bit for bit, however they came in batches and wherever a run
was stopped. The values themselves are of programs compiled for one size of a batch: those of another size may
differ in the last bits.
The values of the last block are kept until it is whole.
"""

from __future__ import annotations

from collections.abc import Mapping

from ratedist.estimate import Moments
from ratedist.simulation.trials import Column, joined

BLOCK = 1024


class Accumulation:
    """Moments of the whole blocks, and the values of the one that is not.

    Attributes:
        whole: moments of all whole blocks by quantity; empty before the first.
    """

    def __init__(
        self, whole: Mapping[str, Moments] | None = None, rest: Mapping[str, Column] | None = None
    ) -> None:
        self.whole = dict(whole or {})
        self._waiting: list[Mapping[str, Column]] = [rest] if rest else []

    @property
    def num_whole(self) -> int:
        """Trials of the whole blocks."""
        return next(iter(self.whole.values())).count if self.whole else 0

    @property
    def num_trials(self) -> int:
        """Trials of the whole blocks and behind them."""
        return self.num_whole + sum(_length(batch) for batch in self._waiting)

    @property
    def rest(self) -> Mapping[str, Column]:
        """Values of the trials behind the whole blocks; empty if there are none."""
        if len(self._waiting) > 1:
            self._waiting = [joined(self._waiting)]
        return self._waiting[0] if self._waiting else {}

    def add(self, columns: Mapping[str, Column]) -> None:
        """Take the values of the trials that come next."""
        self._waiting.append(columns)

    def fold(self) -> bool:
        """Sum the next block, if it is whole."""
        if self.num_trials - self.num_whole < BLOCK:
            return False
        columns = self.rest
        self.whole = _merged(self.whole, part(columns, slice(BLOCK)))
        self._waiting = [part(columns, slice(BLOCK, None))] if _length(columns) > BLOCK else []
        return True

    def add_whole(self, block: Mapping[str, Moments]) -> None:
        """Take the moments of the block that comes next; behind the whole blocks there must be nothing."""
        self.whole = {
            quantity: self.whole[quantity].merge(block[quantity]) for quantity in self.whole
        } or dict(block)

    def drop_rest(self) -> None:
        """Leave out the trials behind the whole blocks."""
        self._waiting = []

    def moments(self) -> dict[str, Moments]:
        """Moments of all trials."""
        return _merged(self.whole, self.rest) if self._waiting else self.whole


def _length(columns: Mapping[str, Column]) -> int:
    return len(next(iter(columns.values())).values)


def part(columns: Mapping[str, Column], which: slice) -> dict[str, Column]:
    """Some of the trials."""
    return {quantity: Column(names, values[which]) for quantity, (names, values) in columns.items()}


def _merged(moments: Mapping[str, Moments], columns: Mapping[str, Column]) -> dict[str, Moments]:
    block = {quantity: Moments.of(*column) for quantity, column in columns.items()}
    return {quantity: moments[quantity].merge(block[quantity]) for quantity in moments} or block
