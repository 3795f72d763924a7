"""The trials of a run that several processes share: in blocks, summed in the order of their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from ratedist import processes
from ratedist.estimate import Moments
from ratedist.simulation.accumulation import BLOCK, Accumulation, part
from ratedist.simulation.checkpoint import Checkpoint, packed, unpacked
from ratedist.simulation.loop import Batch, Saved
from ratedist.simulation.target import Target
from ratedist.simulation.trials import Column, joined

# That a process computes before all exchange what they have found, at most.
BLOCKS_AT_ONCE = 8


def run_shared(
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
    """As ``run_trials``, to the same bits; every process has the whole result.

    Process 0 alone reads and saves a state, and tells the others what is in it. Of a block its moments are
    exchanged, whatever the number of trials in it; the values of all trials if ``samples`` are asked for.

    Raises:
        AgreedError: in all processes, what goes wrong in a trial of any of them.
        LostError: a process is gone.
    """
    total = unpacked(processes.from_first(packed(kept.state if kept else Accumulation())))
    saved = Saved(kept, total, save_seconds)
    if total.num_trials < num_trials:
        total.drop_rest()  # it is computed again with the rest of its block
    missing = -(-(num_trials - total.num_trials) // BLOCK)
    step = BLOCK * max(min(-(-missing // processes.count()), BLOCKS_AT_ONCE), 1)
    ranges = [(start, min(start + step, num_trials)) for start in range(total.num_trials, num_trials, step)]

    def work(trials: tuple[int, int]) -> list[Any]:
        return [packed(one) for one in _blocks(batch, batch_size, *trials, values=samples is not None)]

    with tqdm(
        total=None if target else num_trials, initial=total.num_trials, unit="trial", unit_scale=True,
        disable=not progress,
    ) as bar:  # fmt: skip
        for found in processes.shared(work, ranges):
            for record in (record for _, records in found for record in records):
                if target and target.is_reached(total):
                    break
                _add(total, unpacked(record), samples)
            saved.if_due()
            bar.update(total.num_trials - bar.n)
            if target and target.is_reached(total):
                total.drop_rest()
                break
    saved.at_the_end()
    return total


def _blocks(batch: Batch, batch_size: int, start: int, end: int, *, values: bool) -> list[Accumulation]:
    """The blocks of trials ``start`` to ``end − 1``: moments of those that are whole, values of the last.

    Batches begin at multiples of their size, as those of a process alone do.
    """
    batches = []
    for first in range(start // batch_size * batch_size, end, batch_size):
        columns = batch(first, min(first + batch_size, end) - first)
        batches.append(part(columns, slice(max(start - first, 0), None)))
    columns = joined(batches)
    blocks = []
    for first in range(0, end - start, BLOCK):
        block = part(columns, slice(first, first + BLOCK))
        whole = first + BLOCK <= end - start and not values
        blocks.append(Accumulation(_moments(block)) if whole else Accumulation(rest=block))
    return blocks


def _moments(columns: Mapping[str, Column]) -> dict[str, Moments]:
    return {quantity: Moments.of(*column) for quantity, column in columns.items()}


def _add(total: Accumulation, block: Accumulation, samples: Mapping[str, np.ndarray] | None) -> None:
    """Take the block that comes next."""
    if block.whole:
        total.add_whole(block.whole)
        return
    for quantity, values in (samples or {}).items():
        new = block.rest[quantity].values
        values[total.num_trials : total.num_trials + len(new)] = new
    total.add(block.rest)
    total.fold()
