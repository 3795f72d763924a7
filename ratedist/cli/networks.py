"""``ratedist mnist``, ``cifar10`` and ``digits``: networks trained, compressed and judged."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ratedist import interruption
from ratedist.cli.closing import Closing, Example
from ratedist.cli.figure_files import PICTURES, drawn
from ratedist.cli.process_options import ALONE, ProcessOptions
from ratedist.experiments.network_config import Cifar10Config, DigitsConfig, NetworkConfig
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.files import require_writable, write_together

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# All that a configuration may have.
FIGURES = ("figure1", "figure3", "figure4", "figure5", "figure6", "reliability")


@dataclasses.dataclass(frozen=True)
class _Networks:
    """What the commands share."""

    def write(
        self, config: NetworkConfig, out: Path, models_folder: Path, together: ProcessOptions = ALONE
    ) -> None:
        """Compute, draw, write, and say what was found."""
        config.check()
        if importlib.util.find_spec("optax") is None:
            raise ValueError("training networks needs optax: pip install 'ratedist[networks]'")
        folder = out / config.data
        figures = [f"{name}.{kind}" for name in FIGURES for kind in PICTURES]
        tables = ["networks.csv", "summary.csv", "reliability.csv", "run.json"]
        stopwatch = Stopwatch()
        together.join()
        together.by_first(lambda: require_writable(folder, [*tables, *figures]))
        require_writable(models_folder)

        import jax

        jax.config.update("jax_enable_x64", True)

        from ratedist.experiments.network_summary import pooled_diagrams, summarize
        from ratedist.experiments.networks import run

        interruption.keep(models_folder, f"the same command goes on from what is in {models_folder}/")
        table = run(config, models_folder, progress=sys.stderr.isatty())
        summary, diagrams = summarize(table.frame), pooled_diagrams(table.frame)
        stopwatch.lap("training, compression and assessment")

        frames = {
            "networks": table.frame.drop(columns="diagrams"), "summary": summary, "reliability": diagrams,
        }  # fmt: skip
        files = {
            f"{name}.csv": frame.to_csv(index=False, float_format="%.9g").encode()
            for name, frame in frames.items()
        }
        files |= {"run.json": table.json().encode()} | drawn(_figures(config, summary, diagrams))
        if not together.by_first(
            lambda: write_together({folder / name: content for name, content in files.items()})
        ):
            return
        stopwatch.lap("drawing and writing")

        from ratedist.experiments.network_report import report

        print(report(config, table.frame, summary))
        print(f"written: {folder}/ ({', '.join(sorted(files))})")
        print(f"networks: {models_folder}/{config.data}-*.safetensors")
        print(stopwatch)


def _figures(config: NetworkConfig, summary: Any, diagrams: Any) -> dict[str, Figure]:
    """The figures of the article that a configuration has the points for, by name."""
    from ratedist.plotting.networks import (
        Curve,
        draw_against_ratio,
        draw_penalty_sweep,
        draw_reliability,
        hessian_weighted_curves,
    )

    networks = f"{config.models} network{'s' if config.models > 1 else ''} on {config.fraction:.0%} of "
    networks += {"mnist": "MNIST", "cifar10": "CIFAR10", "digits": "digits"}[config.data]
    figures = {
        "figure1": draw_against_ratio(summary, [Curve("K-means", "kmeans")], f"K-means, {networks}", 1.0),
        "figure6": draw_penalty_sweep(
            summary, config.sweep_clusters, f"Hessian-weighted K-means with diameter penalty β, {networks}"
        ),
    }
    penalties = [beta for beta in config.beta if beta > 0]
    comparison = "figure4" if config.data == "cifar10" else "figure3"
    if penalties and 1 in config.block_length:
        title = f"Hessian-weighted K-means without and with diameter penalty, {networks}"
        figures[comparison] = draw_against_ratio(summary, hessian_weighted_curves(penalties[0]), title)
        if len(config.block_length) > 1:
            curves = hessian_weighted_curves(penalties[0], config.block_length)
            figures["figure5"] = draw_against_ratio(summary, curves, f"blocks of m weights, {networks}")
    K = config.sweep_clusters
    quantised = {"compressor": "hessian_weighted", "num_clusters": K, "block_length": 1, "logits": "raw"}
    curves_of_reliability: list[tuple[str, dict[str, Any]]] = [
        ("original", {"compressor": "original", "logits": "raw"}),
        ("original, own temperature", {"compressor": "original", "logits": "calibrated"}),
        *((f"K = {K}, β = {beta:g}", quantised | {"diameter_penalty": beta}) for beta in config.beta[:2]),
    ]
    figures["reliability"] = draw_reliability(diagrams, curves_of_reliability, f"reliability, {networks}")
    return figures


@dataclasses.dataclass(frozen=True)
class MnistCommand(_Networks):
    """Figures 1, 3, 5 and 6: networks 784-256-256-10 on MNIST, compressed layer by layer."""

    closing: ClassVar = Closing(
        "Hours on two cores for fifty networks; it goes on from where it was interrupted.",
        (
            Example(
                "Two networks, and what K-means with few clusters does to them",
                "ratedist mnist --models 2 --clusters 2 4 --block-length 1 --out mine",
            ),
            Example(
                "Half as much data for each network",
                "ratedist mnist --models 2 --fraction 0.05 --out mine",
            ),
        ),
    )

    config: NetworkConfig
    processes: ProcessOptions
    out: Path = Path("figures")
    """Folder for mnist/*.png, .pdf, .csv and .json; made if it is missing."""
    networks: Path = Path("networks")
    """Folder for the trained networks and finished points, from which an interrupted run goes on. Made
    if it is missing."""

    def run(self) -> None:
        """Train, compress, assess, draw, write."""
        self.write(self.config, self.out, self.networks, self.processes)


@dataclasses.dataclass(frozen=True)
class Cifar10Command(_Networks):
    """Figure 4: networks of five convolutional and three dense layers on CIFAR10, compressed by layer."""

    closing: ClassVar = Closing(
        "Twenty minutes a network on two cores; it goes on from where it was interrupted.",
        (
            Example(
                "One network after two passes over its images",
                "ratedist cifar10 --models 1 --epochs 2 --out mine",
            ),
            Example("Less data for each network", "ratedist cifar10 --models 1 --fraction 0.02 --out mine"),
        ),
    )

    config: Cifar10Config
    processes: ProcessOptions
    out: Path = Path("figures")
    """Folder for cifar10/*.png, .pdf, .csv and .json; made if it is missing."""
    networks: Path = Path("networks")
    """Folder for the trained networks and finished points, from which an interrupted run goes on. Made
    if it is missing."""

    def run(self) -> None:
        """Train, compress, assess, draw, write."""
        self.write(self.config, self.out, self.networks, self.processes)


@dataclasses.dataclass(frozen=True)
class DigitsCommand(_Networks):
    """The same as mnist in a minute and without download: networks 64-64-64-10 on scikit-learn's digits."""

    closing: ClassVar = Closing(
        "Half a minute on two cores.",
        (
            Example("As it is", "ratedist digits --out mine"),
            Example(
                "One network, and one price on the diameter",
                "ratedist digits --models 1 --beta 0 10 --out mine",
            ),
        ),
    )

    config: DigitsConfig
    out: Path = Path("figures")
    """Folder for digits/*.png, .pdf, .csv and .json; made if it is missing."""
    networks: Path = Path("networks")
    """Folder for the trained networks and finished points, from which an interrupted run goes on. Made
    if it is missing."""

    def run(self) -> None:
        """Train, compress, assess, draw, write."""
        self.write(self.config, self.out, self.networks)
