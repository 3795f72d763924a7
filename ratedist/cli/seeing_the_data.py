"""``ratedist seeing-the-data``: compressors that see the data, below the curve of those that do not."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ratedist.cli.closing import Closing, Example
from ratedist.cli.figure_files import write_figure
from ratedist.experiments.seeing_the_data import SeeingTheDataConfig
from ratedist.experiments.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {
    "plain": "rounding",
    "feedback": "rounding with feedback",
    "paths": "rounding with feedback, several paths",
    "trellis": "feedback along a trellis",
}


@dataclasses.dataclass(frozen=True)
class SeeingTheDataCommand:
    """Compare compressors that see the data with the exact curve of those that see the weights alone."""

    closing: ClassVar = Closing(
        "Some five minutes on two cores.",
        (
            Example(
                "A small model, in less than a minute",
                "ratedist seeing-the-data --d 6 --n 12 --trials 500 --out mine",
            ),
            Example(
                "More samples, where seeing the data is worth less",
                "ratedist seeing-the-data --n 500 --trials 500 --out mine",
            ),
        ),
    )

    config: SeeingTheDataConfig
    out: Path = Path("figures")
    """Folder for seeing-the-data.png, .pdf, .csv and .json; made if it is missing."""

    def run(self) -> None:
        """Compute, simulate, draw, write, and say which points lie below the exact curve."""
        self.config.check()
        write_figure(self.out, "seeing-the-data", self._compute, self._draw, summary)

    def _compute(self) -> Table:
        from ratedist.experiments.seeing_the_data import run

        return run(self.config, progress=sys.stderr.isatty())

    def _draw(self, table: Table) -> Figure:
        from ratedist.plotting.seeing_the_data import draw_seeing_the_data

        return draw_seeing_the_data(table.frame, describe(self.config))


def describe(config: SeeingTheDataConfig) -> str:
    """The setting in one line."""
    return (
        f"ERM weights of a linear model, d = {config.d}, n = {config.n}, σ² = {config.noise_variance:g}; "
        f"{config.num_paths} paths; {config.num_states} states, {config.trellis_paths} paths"
    )


def summary(record: dict[str, Any]) -> str:
    """What seeing the data is worth, and what each compressor makes of it."""
    worth = record["constants_nats"]["gain_at_high_rate"]
    lines = [f"seeing the data is worth {worth:.3f} nats at high rate"]
    for kind, found in record["findings"].items():
        lines.append(
            f"{NAMES[kind]}: {found['below_markov']} of {found['points']} points below the exact curve of "
            f"the weights alone, at best {found['lowest_above_markov_nats']:+.2f} nats from it"
        )
    return "\n".join(lines)
