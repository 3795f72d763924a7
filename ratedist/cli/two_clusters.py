"""``ratedist two-clusters``: what two clusters do, as one picture."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ratedist.cli.stopwatch import Stopwatch
from ratedist.experiments.two_clusters import TwoClustersConfig
from ratedist.files import require_writable, write_together


@dataclasses.dataclass(frozen=True)
class TwoClustersCommand:
    """Draw what two clusters do: the weights of one fit, two centres, and the loss on new data of both."""

    config: TwoClustersConfig
    out: Path = Path("figures")
    """Folder for two-clusters.png, .pdf, .csv and .json; made if it is missing."""

    def run(self) -> None:
        """Fit, compress, simulate, draw, write, and say what came out."""
        self.config.check()
        require_writable(self.out, [f"two-clusters.{kind}" for kind in ("png", "pdf", "csv", "json")])
        stopwatch = Stopwatch()

        import jax

        from ratedist.experiments.two_clusters import run

        jax.config.update("jax_enable_x64", True)
        stopwatch.lap("import of JAX")
        table = run(self.config)
        stopwatch.lap("simulation, compilation included")

        from ratedist.plotting.style import figure_bytes
        from ratedist.plotting.two_clusters import draw_two_clusters

        figure = draw_two_clusters(table.frame, table.record)
        contents = {
            "png": figure_bytes(figure, "png"),
            "pdf": figure_bytes(figure, "pdf"),
            "csv": table.csv().encode(),
            "json": table.json().encode(),
        }
        write_together({self.out / f"two-clusters.{kind}": data for kind, data in contents.items()})
        stopwatch.lap("drawing and writing")
        print(summary(table.record))
        print(f"written: {self.out}/two-clusters.png, .pdf, .csv, .json")
        print(stopwatch)


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
