"""``ratedist two-clusters``: what two clusters do, as one picture."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ratedist.cli.closing import Closing, Example
from ratedist.cli.figure_files import write_figure
from ratedist.experiments.table import Table
from ratedist.experiments.two_clusters import TwoClustersConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class TwoClustersCommand:
    """Draw what two clusters do: the weights of one fit, two centres, and the loss on new data of both."""

    closing: ClassVar = Closing(
        "Ten seconds on two cores.",
        (
            Example(
                "With few trials, into a folder of your own", "ratedist two-clusters --trials 1000 --out mine"
            ),
            Example("Another draw of the data", "ratedist two-clusters --seed 1 --out mine"),
        ),
    )

    config: TwoClustersConfig
    out: Path = Path("figures")
    """Folder for two-clusters.png, .pdf, .csv and .json; made if it is missing."""

    def run(self) -> None:
        """Fit, compress, simulate, draw, write, and say what came out."""
        self.config.check()
        write_figure(self.out, "two-clusters", self._compute, _draw, summary)

    def _compute(self) -> Table:
        from ratedist.experiments.two_clusters import run

        return run(self.config)


def _draw(table: Table) -> Figure:
    from ratedist.plotting.two_clusters import draw_two_clusters

    return draw_two_clusters(table.frame, table.record)


def summary(record: dict[str, Any]) -> str:
    """The centres and the population risks, a line each."""
    low, high = record["centers"]
    lines = [f"one fit: its two centres are {low:.3f} and {high:.3f}"]
    for name, label in (("erm", "fitted weights"), ("two_clusters", "two clusters")):
        risk = record["population_risk"][name]
        lines.append(f"{label}: population risk {risk['mean']:.4f} ± {risk['sem']:.4f}")
    difference = record["difference"]
    lines.append(f"difference, paired: {difference['mean']:+.4f} ± {difference['sem']:.4f}")
    return "\n".join(lines)
