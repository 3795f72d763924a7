"""``ratedist description-length``: L2 as compression, as picture, table and record."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ratedist.cli.closing import Closing, Example
from ratedist.cli.figure_files import with_note, write_figure
from ratedist.experiments.description_length_config import DescriptionLengthConfig
from ratedist.experiments.model_options import input_files, setting, trials_in_words
from ratedist.experiments.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class DescriptionLengthCommand:
    """Draw description lengths: bits of one weight, and risk against bits of ridge and K-means."""

    closing: ClassVar = Closing(
        "Half a minute on two cores.",
        (
            Example("A quick look", "ratedist description-length --trials 500 --out mine"),
            Example(
                "Gaussian true weights",
                "ratedist description-length --w-star gaussian --trials 500 --out mine",
            ),
        ),
    )

    config: DescriptionLengthConfig
    out: Path = Path("figures")
    """Folder for description-length.png, .pdf, .csv and .json; made if it is missing."""

    def run(self) -> None:
        """Simulate, draw, write, and say who wins where."""
        self.config.check()
        inputs = input_files(self.config.w_star)
        write_figure(self.out, "description-length", self._compute, self._draw, summary, inputs=inputs)

    def _compute(self) -> Table:
        from ratedist.experiments.description_length import run

        return run(self.config, progress=sys.stderr.isatty())

    def _draw(self, table: Table) -> Figure:
        from ratedist.plotting.description_length import draw_description_length

        return draw_description_length(
            table.frame, table.record, with_note(describe(self.config), table.record)
        )


def summary(record: dict[str, Any]) -> str:
    """The refund, ridge and K-means at every scale, and the sentence of the record."""
    lines = [
        f"one weight: bits back is {record['one_weight']['refund_bits']:.4f} bit below the best two parts"
    ]
    for one in record["findings"]:
        ridge, best = one["ridge"], one["best_kmeans"]
        lines.append(
            f"{one['label']}: ERM {one['erm']:.3f}; ridge {ridge['population_risk']:.3f} at best, "
            f"net cost of a sample {ridge['bits_back']:.1f} bits, of them the squared norm "
            f"{ridge['squared_norm_bits']:.1f}; K-means {best['population_risk']:.3f} ± "
            f"{best['population_risk_sem']:.3f} at K = {best['parameter']:.0f}, {best['rate_bits']:.1f} bits "
            "and its centres"
        )
    return "\n".join([*lines, record["sentence"]])


def describe(config: DescriptionLengthConfig) -> str:
    """The setting in one line, for the head of the figure."""
    parts = setting(config.models()[0], "identity")
    parts.append(trials_in_words(config.num_trials, config.target_sem, config.max_trials))
    return ", ".join(parts)
