"""The trials of a run, batch after batch, saved now and then, until they are enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from tqdm import tqdm

from ratedist.simulation.accumulation import Accumulation, part
from ratedist.simulation.checkpoint import Checkpoint
from ratedist.simulation.target import Target
from ratedist.simulation.trials import Column

# Values of the trials from one number on, so many of them.
Batch = Callable[[int, int], Mapping[str, Column]]


def run_trials(
    batch: Batch,
    num_trials: int,
    batch_size: int,
    *,
    kept: Checkpoint | None,
    save_seconds: float,
    target: Target | None,
    samples: Mapping[str, np.ndarray] | None,
    progress: bool,
) -> Accumulation:
    """Run all trials, or go on from those that are kept.

    A batch begins at a multiple of its size wherever the run goes on: the trials in it are computed as they
    would have been, and those that are known are left out.

    Args:
        batch: values of trials ``start`` to ``start + count − 1``.
        num_trials: at which the run ends, with a target the most.
        batch_size: trials of a batch.
        kept: where the state is read from and saved, at the latest at the end.
        save_seconds: between two savings.
        target: with which the run ends before that.
        samples: filled with the values of every trial.
        progress: show a progress bar on standard error.

    Returns:
        What the trials came to.
    """
    total = kept.state if kept else Accumulation()
    saved = Saved(kept, total, save_seconds)
    unknown = target is not None
    with tqdm(
        total=None if unknown else num_trials, initial=total.num_trials, unit="trial", unit_scale=True,
        disable=not progress,
    ) as bar:  # fmt: skip
        while (done := total.num_trials) < num_trials and not (target and target.is_reached(total)):
            start = done // batch_size * batch_size
            end = min(start + batch_size, num_trials)
            columns = part(batch(start, end - start), slice(done - start, None))
            for quantity, values in (samples or {}).items():
                values[done:end] = columns[quantity].values
            total.add(columns)
            while total.fold():
                if target and target.is_reached(total):
                    total.drop_rest()
            saved.if_due()
            bar.update(total.num_trials - done)
    saved.at_the_end()
    return total


class Saved:
    """When a state is saved: every few seconds, and at the end if it is another by then.

    The values of a block that is not whole are saved where blocks take longer than that, and at the end.
    """

    def __init__(self, kept: Checkpoint | None, total: Accumulation, seconds: float) -> None:
        self._kept, self._total, self._seconds = kept, total, seconds
        self._time = time.monotonic()
        self._known()

    def _known(self) -> None:
        self._num_trials, self._num_whole = self._total.num_trials, self._total.num_whole

    def if_due(self) -> None:
        if self._kept is None or time.monotonic() - self._time <= self._seconds:
            return
        self._kept.save(self._total, with_rest=self._total.num_whole == self._num_whole)
        self._time = time.monotonic()
        self._num_whole = self._total.num_whole

    def at_the_end(self) -> None:
        if self._kept is not None and self._total.num_trials != self._num_trials:
            self._kept.save(self._total)
