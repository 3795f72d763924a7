"""``ratedist diameter``: what the diameter regulariser does to the exact population risk."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ratedist.cli.closing import Closing, Example
from ratedist.cli.figure_files import with_note, write_figure
from ratedist.experiments.diameter_config import DiameterConfig
from ratedist.experiments.model_options import input_files, setting, trials_in_words
from ratedist.experiments.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class DiameterCommand:
    """Compare K-means, Hessian-weighted and diameter-regularised K-means on the linear model."""

    closing: ClassVar = Closing(
        "Two to three minutes on two cores.",
        (
            Example(
                "A quick look",
                "ratedist diameter --trials 500 --clusters 2 4 --certified-trials 0 --out mine",
            ),
            Example(
                "Correlated inputs, one w*",
                "ratedist diameter --covariance ar1:0.7 --w-star two-level --trials 500 --out mine",
            ),
        ),
    )

    config: DiameterConfig
    out: Path = Path("figures")
    """Folder for diameter.png, .pdf, .csv and .json; made if it is missing."""

    def run(self) -> None:
        """Simulate, draw, write, and say what the penalty gains."""
        self.config.check()
        inputs = input_files(*self.config.w_star, self.config.covariance)
        write_figure(self.out, "diameter", self._compute, self._draw, summary, inputs=inputs)

    def _compute(self) -> Table:
        from ratedist.experiments.diameter import run

        return run(self.config, progress=sys.stderr.isatty())

    def _draw(self, table: Table) -> Figure:
        from ratedist.plotting.diameter import draw_diameter

        return draw_diameter(table.frame, with_note(describe(self.config), table.record))


def summary(record: dict[str, Any]) -> str:
    """What the run found: for each w* a line for each K, the best of all K, and how near the descent came."""
    lines = []
    for kind, finding in record["findings"].items():
        erm, shrunken = finding["erm"], finding["erm_shrunken"]
        lines.append(
            f"w* {kind}: ERM {erm['population_risk']:.4f}, "
            f"times its best constant {shrunken['shrinkage']:.3f} {shrunken['population_risk']:.4f}; "
            "population risks minus that at β = 0, same K"
        )
        for one in finding["by_clusters"]:
            beta, factor = one["diameter_regularized"]["diameter_penalty"], one["shrunken"]["shrinkage"]
            lines.append(
                f"  K = {one['num_clusters']}: "
                f"DRHW {_signed(one['diameter_regularized_minus_hessian_weighted'])} at β = {beta:g}, "
                f"shrinking {_signed(one['shrunken_minus_hessian_weighted'])} by {factor:.3f}, "
                f"DRHW minus shrinking {_signed(one['diameter_regularized_minus_shrunken'])}, "
                f"descent minus DRHW {_signed(one['descent_minus_diameter_regularized'])}; "
                f"Hessian-weighted minus K-means {_signed(one['hessian_weighted_minus_kmeans'])}"
            )
        plain, best = finding["hessian_weighted"], finding["diameter_regularized"]
        lines.append(
            f"  best K: β = 0 {plain['population_risk']:.4f} ± {plain['population_risk_sem']:.4f} "
            f"at K = {plain['num_clusters']} ({plain['description_length_bits']:.1f} bits); "
            f"DRHW {best['population_risk']:.4f} ± {best['population_risk_sem']:.4f} "
            f"at K = {best['num_clusters']}, β = {best['diameter_penalty']:g} "
            f"({best['description_length_bits']:.1f} bits); "
            f"paired {_signed(finding['best_regularized_minus_best_hessian_weighted'])}"
        )
    for kind, excess in record["excess_over_certified_optimum"].items():
        at_optimum = 100 * excess["share_of_descents_at_the_optimum"]
        lines.append(
            f"w* {kind}: objective above the certified optimum, relative: "
            f"DRHW {excess['largest_of_optimal']:.1e} at most; descent from a random start "
            f"{excess['mean_of_descent']:.2g} on average, {excess['largest_of_descent']:.2g} at most, "
            f"none in {at_optimum:.0f}% of cases"
        )
    return "\n".join(lines)


def _signed(difference: dict[str, float]) -> str:
    return f"{difference['mean']:+.3g} ± {difference['sem']:.1g}"


def describe(config: DiameterConfig) -> str:
    """The setting in one line, for the head of the figure."""
    parts = setting(next(iter(config.models().values())), config.covariance)
    parts.append(f"{config.penalty} penalty, centres of {config.center_bits} bits")
    parts.append(trials_in_words(config.num_trials, config.target_sem, config.max_trials))
    return ", ".join(parts)
