"""The trials of a run that several processes share: in blocks, summed in the order of their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from ratedist import processes
from ratedist.simulation.accumulation import BLOCK, Accumulation, part
from ratedist.simulation.checkpoint import Checkpoint, packed, unpacked
from ratedist.simulation.loop import Batch, Saved
from ratedist.simulation.target import Target

# Trials up to which blocks are summed one by one, for the bits of one process; to take all is half a second.
MOST_APART = 2**20
# Blocks of a process before all exchange what they have found: one by one, and sums of them, whose number
# grows with that of the processes, since each takes what all others have found.
BLOCKS_APART, BLOCKS_SUMMED, BLOCKS_A_PROCESS = 8, 64, 4


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
    """As ``run_trials``, for all processes together; every one has the whole result.

    Process 0 alone reads and saves a state, and tells the others what is in it. Moments are exchanged, and
    the values of trials only if ``samples`` are asked for. Up to 2²⁰ trials, and with a target, the result
    has the bits of one process. In longer runs each sums its own blocks first, which differs by rounding.

    Raises:
        AgreedError: in all processes, what goes wrong in a trial of any of them.
        LostError: a process is gone.
    """
    total = unpacked(processes.from_first(packed(kept.state if kept else Accumulation())))
    saved = Saved(kept, total, save_seconds)
    enough = bool(target and target.is_reached(total))
    if total.num_trials < num_trials and not enough:
        total.drop_rest()  # it is computed again with the rest of its block
    apart = target is not None or samples is not None or num_trials <= MOST_APART
    step = range_size(num_trials - total.num_trials, processes.count(), apart=apart)
    # Not a list, which would grow with the number of trials.
    starts = range(total.num_trials, total.num_trials if enough else num_trials, step)

    def work(start: int) -> list[Any]:
        end, values = min(start + step, num_trials), samples is not None
        return [packed(one) for one in _parts(batch, batch_size, start, end, apart=apart, values=values)]

    with tqdm(
        total=None if target else num_trials, initial=total.num_trials, unit="trial", unit_scale=True,
        disable=not progress,
    ) as bar:  # fmt: skip
        for found in processes.shared(work, starts):
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


def range_size(missing: int, num_processes: int, *, apart: bool) -> int:
    """Trials that a process computes before all exchange what they have found."""
    blocks = -(-missing // BLOCK)
    most = BLOCKS_APART if apart else max(BLOCKS_SUMMED, BLOCKS_A_PROCESS * num_processes)
    return BLOCK * max(min(-(-blocks // num_processes), most), 1)


def _parts(
    batch: Batch, batch_size: int, start: int, end: int, *, apart: bool, values: bool
) -> list[Accumulation]:
    """Trials ``start`` to ``end − 1``, from the beginning of a block on.

    They come block by block if they are to be summed ``apart``, else as the sum of these. What is behind the
    last whole block comes as values, and so does everything if ``values`` are asked for.
    Batches begin at multiples of their size, as those of a process alone do.
    """
    parts, own = [], Accumulation()
    for first in range(start // batch_size * batch_size, end, batch_size):
        columns = batch(first, min(first + batch_size, end) - first)
        own.add(part(columns, slice(max(start - first, 0), None)))
        while not values and own.fold():
            if apart:
                parts.append(Accumulation(own.whole))
                own = Accumulation(rest=own.rest)
    return [*parts, own] if own.num_trials else parts


def _add(total: Accumulation, found: Accumulation, samples: Mapping[str, np.ndarray] | None) -> None:
    """Take the trials that come next."""
    if found.whole:
        total.add_whole(found.whole)
    if found.rest:
        for quantity, values in (samples or {}).items():
            new = found.rest[quantity].values
            values[total.num_trials : total.num_trials + len(new)] = new
        total.add(found.rest)
        while total.fold():
            pass
