"""``ratedist compare``: all codes on one axis of bits, as picture, table and record."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ratedist.cli.closing import Closing, Example
from ratedist.cli.figure_files import with_note, write_figure
from ratedist.experiments.compare_config import CompareConfig
from ratedist.experiments.model_options import input_files, option_name
from ratedist.experiments.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class CompareCommand:
    """Compare all codes: excess population risk against bits a weight, and who wins at which rate."""

    closing: ClassVar = Closing(
        "Half a minute on two cores for a vector of weights, and twice that for a matrix.",
        (
            Example("Sparse true weights", "ratedist compare --w-star sparse --out mine"),
            Example(
                "A matrix of low rank, with few trials",
                "ratedist compare --w-star low-rank --trials 1000 --out mine",
            ),
        ),
    )

    config: CompareConfig
    out: Path = Path("figures")
    """Folder for compare-NAME.png, .pdf, .csv and .json, NAME that of w*; made if it is missing."""

    def run(self) -> None:
        """Simulate, draw, write, and say who wins."""
        self.config.check()
        name = f"compare-{Path(option_name(self.config.w_star)).stem}"
        inputs = input_files(self.config.w_star)
        write_figure(self.out, name, self._compute, self._draw, summary, inputs=inputs)

    def _compute(self) -> Table:
        from ratedist.experiments.compare import run

        return run(self.config, progress=sys.stderr.isatty())

    def _draw(self, table: Table) -> Figure:
        from ratedist.plotting.compare import draw_compare

        return draw_compare(table.frame, table.record, with_note(describe(self.config), table.record))


def summary(record: dict[str, Any]) -> str:
    """The levels, and the sentence of the record."""
    levels = record["levels"]
    return (
        f"excess population risk: nothing sent {levels['nothing']:.4g}, ERM {levels['erm']:.4g}, "
        f"best ridge in real numbers {levels['ridge']:.4g}\n{record['sentence']}"
    )


def describe(config: CompareConfig) -> str:
    """The setting in one line, for the head of the figure."""
    model = config.model()
    sizes = (
        f"{model.num_outputs} outputs, d = {model.num_inputs}"
        if model.num_outputs > 1
        else f"d = {model.num_inputs}"
    )
    return (
        f"w*: {option_name(config.w_star)}, {sizes}, n = {model.n}, σ² = {config.noise_variance:g}, Σ = I, "
        f"{config.num_trials:,} trials, error bars of two standard errors of the difference from ERM"
    )
