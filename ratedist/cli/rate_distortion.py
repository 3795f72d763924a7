"""``ratedist rate-distortion``: the exact curve, certified, beside every bound on it."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ratedist.cli.closing import Closing, Example
from ratedist.cli.figure_files import write_figure
from ratedist.experiments.rate_distortion import RateDistortionConfig
from ratedist.experiments.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class RateDistortionCommand:
    """Compute the exact rate-distortion function of the ERM weights, its certificate and the bounds."""

    closing: ClassVar = Closing(
        "Half a minute on two cores; a point takes longer as n nears d + 1.",
        (
            Example(
                "One small curve in a few seconds",
                "ratedist rate-distortion --d 6 --n 12 --points 8 --out mine",
            ),
            Example(
                "The curve of Figure 2's setting, and of fewer samples",
                "ratedist rate-distortion --n 60 80 --out mine",
            ),
        ),
    )

    config: RateDistortionConfig
    out: Path = Path("figures")
    """Folder for rate-distortion.png, .pdf, .csv and .json; made if it is missing."""

    def run(self) -> None:
        """Compute, draw, write, and say how tight the certificates are."""
        self.config.check()
        write_figure(self.out, "rate-distortion", self._compute, self._draw, summary, needs_jax=False)

    def _compute(self) -> Table:
        from ratedist.experiments.rate_distortion import run

        return run(self.config, progress=sys.stderr.isatty())

    def _draw(self, table: Table) -> Figure:
        from ratedist.plotting.rate_distortion import draw_rate_distortion

        title = f"ERM weights of a linear model, d = {self.config.d}, σ² = {self.config.noise_variance:g}"
        return draw_rate_distortion(table.frame, title)


def summary(record: dict[str, Any]) -> str:
    """How many points are certified, how tightly, and why the others are not."""
    certified = (
        f"{record['certified_points']} of {record['points']} points certified, "
        f"largest gap {record['largest_gap_nats']:.1e} nats"
    )
    return "\n".join([certified, *(f"not certified: {reason}" for reason in record["not_certified_because"])])
