"""``ratedist rate-distortion``: the exact curve, certified, beside every bound on it."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from ratedist.cli.stopwatch import Stopwatch
from ratedist.experiments.rate_distortion import RateDistortionConfig
from ratedist.files import require_writable, write_together


@dataclasses.dataclass(frozen=True)
class RateDistortionCommand:
    """Compute the exact rate-distortion function of the ERM weights, with its certificate and the bounds."""

    config: RateDistortionConfig
    out: Path = Path("figures")
    """Folder for rate-distortion.png, .pdf, .csv and .json; made if it is missing."""

    def run(self) -> None:
        """Compute, draw, write, and say how tight the certificates are."""
        self.config.check()
        require_writable(self.out, [f"rate-distortion.{kind}" for kind in ("png", "pdf", "csv", "json")])
        stopwatch = Stopwatch()

        from ratedist.experiments.rate_distortion import run

        table = run(self.config, progress=sys.stderr.isatty())
        stopwatch.lap("exact curves")

        from ratedist.plotting.rate_distortion import draw_rate_distortion
        from ratedist.plotting.style import figure_bytes

        title = f"ERM weights of a linear model, d = {self.config.d}, σ² = {self.config.noise_variance:g}"
        figure = draw_rate_distortion(table.frame, title)
        contents = {
            "png": figure_bytes(figure, "png"),
            "pdf": figure_bytes(figure, "pdf"),
            "csv": table.csv().encode(),
            "json": table.json().encode(),
        }
        write_together({self.out / f"rate-distortion.{kind}": data for kind, data in contents.items()})
        stopwatch.lap("drawing and writing")
        record = table.record
        print(
            f"{record['certified_points']} of {record['points']} points certified, "
            f"largest gap {record['largest_gap_nats']:.1e} nats"
        )
        for reason in record["not_certified_because"]:
            print(f"not certified: {reason}")
        print(f"written: {self.out}/rate-distortion.png, .pdf, .csv, .json")
        print(stopwatch)
