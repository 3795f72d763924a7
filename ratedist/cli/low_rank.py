"""``ratedist low-rank``: rank as a rate, as picture, table and record."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ratedist.cli.closing import Closing, Example
from ratedist.cli.figure_files import with_note, write_figure
from ratedist.experiments.low_rank_config import LowRankConfig
from ratedist.experiments.model_options import input_files, option_name
from ratedist.experiments.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class LowRankCommand:
    """Draw rank as a rate: excess population risk against rank for each projection, and against bits."""

    closing: ClassVar = Closing(
        "Twenty seconds on two cores.",
        (
            Example(
                "The other example, with inputs that are correlated",
                "ratedist low-rank --example correlated-inputs --out mine",
            ),
            Example(
                "A matrix of rank 2, from more samples",
                "ratedist low-rank --rank 2 --n 120 --trials 500 --out mine",
            ),
        ),
    )

    config: LowRankConfig
    out: Path = Path("figures")
    """Folder for low-rank.png, .pdf, .csv and .json; made if it is missing."""

    def run(self) -> None:
        """Project, draw, write, and say which rank is best."""
        self.config.check()
        inputs = input_files(self.config.w_star)
        write_figure(self.out, "low-rank", self._compute, self._draw, summary, inputs=inputs)

    def _compute(self) -> Table:
        from ratedist.experiments.low_rank import run

        return run(self.config, progress=sys.stderr.isatty())

    def _draw(self, table: Table) -> Figure:
        from ratedist.plotting.low_rank import draw_low_rank

        return draw_low_rank(table.frame, table.record, with_note(describe(self.config), table.record))


def summary(record: dict[str, Any]) -> str:
    """The sentence of the record."""
    return record["sentence"]


def describe(config: LowRankConfig) -> str:
    """The setting in one line, for the head of the figure."""
    model = config.model()
    name = "planted" if config.planted else option_name(config.w_star)
    return (
        f"W*: {name}, {model.num_outputs} outputs, d = {model.num_inputs}, n = {model.n}, "
        f"example {config.example}, {config.num_trials:,} trials, error bars of two standard errors, "
        "in (a) of the difference from least squares"
    )
