"""``ratedist sweep``: an experiment on a grid of settings, as table and phase diagram."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import tyro

from ratedist import interruption
from ratedist.cli.closing import Closing, Example
from ratedist.cli.figure_files import with_note, write_figure
from ratedist.cli.process_options import ProcessOptions
from ratedist.experiments.figure2_config import Figure2Config
from ratedist.experiments.model_options import option_name
from ratedist.experiments.sweep_config import SweepConfig
from ratedist.experiments.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class SweepCommand:
    """Run an experiment on a grid of settings: one table, and where compression helps as a picture."""

    closing: ClassVar = Closing(
        "Ten seconds on two cores, and half a second for each point of 10,000 trials.",
        (
            Example(
                "Nine settings, a picture of where compression helps",
                "ratedist sweep figure2 --grid n=60,80,120 noise_variance=0.5,1,2 --trials 1000 --out mine",
            ),
            Example(
                "What a larger one would take, without starting it",
                "ratedist sweep figure2 --grid d=20,50,100 n=150,200,400 --trials 100000 --dry-run",
            ),
        ),
    )

    experiment: tyro.conf.Positional[Literal["figure2"]]
    """What is run at every point: K-means for every K, and fixed codebooks."""
    grid: tuple[str, ...]
    """Values of the options that vary, such as n=60,80,120 noise_variance=0.5,1,2. All combinations are run,
    the other options are the same for all."""
    config: Figure2Config
    processes: ProcessOptions
    out: Path = Path("figures")
    """Folder for phase-diagram.png, .pdf, .csv and .json, made if it is missing. A grid that does not vary
    noise_variance and n or d has no picture, and writes sweep.csv and sweep.json."""
    checkpoint: Path | None = None
    """Keep finished points in this file; the same command, or one with a larger grid, goes on from them."""
    dry_run: Annotated[tyro.conf.UseCounterAction[int], tyro.conf.arg(help_behavior_hint="")] = 0
    """Say how many points and trials there are, and what they are predicted to take, and do nothing."""

    @property
    def sweep(self) -> SweepConfig:
        """Base setting and grid."""
        return SweepConfig(self.config, self.grid)

    def run(self) -> None:
        """Check, predict, simulate, draw, write, and say where compression helps."""
        from ratedist.experiments.sweep import is_plane

        self.sweep.check()
        self.processes.check()
        if self.dry_run:
            print(prediction(self.sweep))
            return
        inputs = self.sweep.files
        if self.checkpoint is not None:
            kept = f"the same command goes on from the points in {self.checkpoint}"
            interruption.keep(self.checkpoint, kept)
        plane = is_plane(self.sweep.axes)
        write_figure(
            self.out, "phase-diagram" if plane else "sweep", self._compute, draw if plane else None, summary,
            inputs=inputs, together=self.processes, checkpoint=self.checkpoint,
        )  # fmt: skip

    def _compute(self) -> Table:
        from ratedist.experiments.sweep import run

        if sys.stderr.isatty():
            print(prediction(self.sweep), file=sys.stderr)
        return run(self.sweep, progress=sys.stderr.isatty(), checkpoint_path=self.checkpoint)


def draw(table: Table) -> Figure:
    """The phase diagram."""
    from ratedist.experiments.sweep import diagram
    from ratedist.plotting.phase_diagram import draw_phase_diagram

    return draw_phase_diagram(*diagram(table.frame, table.record), with_note(describe(table), table.record))


def prediction(sweep: SweepConfig) -> str:
    """Points, trials and predicted seconds in a sentence."""
    from ratedist.experiments.sweep import cost

    points, predicted = sweep.points(), cost(sweep)
    trials = sum(point.num_trials for point in points)
    return (
        f"{len(points):,} point{'s' * (len(points) != 1)}, {trials:,} trials: predicted are "
        f"{predicted.total:,.0f} CPU-seconds, {predicted.trials:,.0f} of them for the trials"
    )


def summary(record: dict[str, Any]) -> str:
    """At how many points compression helps, a line an algorithm."""
    number = record["points"]
    lines = [f"{number} point{'s' * (number != 1)}, {record['points_computed']} of them computed now"]
    for algorithm, verdicts in record["found"].items():
        counted = {kind: verdicts.get(kind, 0) for kind in ("helps", "harms", "undecided")}
        lines.append(
            f"{algorithm.replace('_', ' ')}: its best K is better than ERM at {counted['helps']} points, "
            f"worse at {counted['harms']}, not told apart at {counted['undecided']}"
        )
    return "\n".join(lines)


def describe(table: Table) -> str:
    """What all points have in common, for the head of the figure."""
    common, grid = table.record["configuration"], table.record["grid"]
    # Files of true weights may differ in it.
    frame: Any = table.frame
    least, most = frame["d"].min(), frame["d"].max()
    parts = [] if "d" in grid else [f"d = {least}" if least == most else f"d from {least} to {most}"]
    if "w_star" not in grid:
        parts.append(f"w*: {option_name(common['w_star'])}")
    if "covariance" not in grid:
        name = option_name(common["covariance"])
        parts.append("Σ = I" if name == "identity" else f"Σ: {name}")
    if "num_trials" not in grid:
        parts.append(
            f"{common['num_trials']:,} trials a point, half of them to choose K and half to judge it"
        )
    return ", ".join([*parts, f"K up to {int(frame['parameter'].max())}"])
