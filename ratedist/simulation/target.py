"""When a run has enough trials: once the standard errors of all risks are as small as was asked for."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Mapping

from ratedist import _checks
from ratedist.compressors.base import Compressor
from ratedist.compressors.tails import moment_limit
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.simulation.accumulation import Accumulation

# A million million million: numbers of trials beyond it mean nothing.
MOST_SHOWN = 1e18


@dataclasses.dataclass(frozen=True)
class Target:
    """The largest standard error of any risk of any compressor, asked for from ``fewest`` trials on."""

    sem: float
    fewest: int

    def is_reached(self, total: Accumulation) -> bool:
        """Whether the whole blocks are enough; trials behind them are not looked at."""
        count = total.num_whole
        if count < self.fewest:
            return False
        squares = max(float(total.whole[risk].squares.max()) for risk in RISK_NAMES)
        return math.sqrt(squares / (count - 1) / count) <= self.sem

    def warn_if_missed(self, total: Accumulation, most: int) -> None:
        """Say what a run that has ended came to, if it is not what was asked for."""
        sem, risk, name = largest_sem(total)
        if sem > self.sem:
            needed = most * (sem / self.sem) * (sem / self.sem)  # infinite rather than an error
            takes = f"some {needed:.2g} trials" if needed < MOST_SHOWN else "more trials than can be run"
            warnings.warn(
                f"the {risk} of {name!r} has a standard error of {sem:.3g} after the {most} trials that "
                f"max_trials allows, and {self.sem:g} was asked for: that takes {takes}",
                stacklevel=4,
            )


def largest_sem(total: Accumulation) -> tuple[float, str, str]:
    """The largest standard error, with the risk and the compressor that have it."""
    moments = total.moments()
    found = (
        (moments[risk].estimate(name).sem, risk, name) for risk in RISK_NAMES for name in moments[risk].names
    )
    return max(found)


def target_of(
    target_sem: float | None,
    num_trials: int,
    model: LinearModel,
    compressors: Mapping[str, Compressor],
) -> Target | None:
    """What the arguments of ``simulate`` ask for.

    Raises:
        ValueError: an error that is no positive number, a risk whose trials have no finite variance.
    """
    if target_sem is None:
        return None
    sem = _checks.positive_number("target_sem", target_sem)
    for name, one in compressors.items():
        for risk in RISK_NAMES:
            if moment_limit(one, model, risk) <= 2:
                raise ValueError(
                    f"target_sem needs risks of finite variance, and that of the {risk} of {name!r} is "
                    f"infinite for n <= d + 3: its standard error says nothing, got n = {model.n}"
                )
    return Target(sem, max(num_trials, 2))
