"""``ratedist network-ranks``: networks at low rank, as picture, table and record."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import tyro

from ratedist import interruption
from ratedist.cli.closing import Closing, Example
from ratedist.cli.figure_files import write_figure
from ratedist.experiments.network_ranks_config import NetworkRanksConfig
from ratedist.experiments.table import Table
from ratedist.files import require_writable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {"digits": "digits", "mnist": "MNIST"}


@dataclasses.dataclass(frozen=True)
class NetworkRanksOptions(NetworkRanksConfig):
    """Networks at low rank; the networks are those of `ratedist mnist` and `ratedist digits`."""

    data: tyro.conf.Positional[Literal["digits", "mnist"]]


@dataclasses.dataclass(frozen=True)
class NetworkRanksCommand:
    """Networks of low rank, zero-shot, fine-tuned, or thresholded from the start, at several bits."""

    closing: ClassVar = Closing(
        "A minute and a half on two cores for digits; mnist takes many times that, and can be interrupted.",
        (
            Example("Three small networks, without download", "ratedist network-ranks digits --out mine"),
            Example(
                "The networks of `ratedist mnist`",
                "ratedist network-ranks mnist --models 2 --ranks 8 --out mine",
            ),
        ),
    )

    config: NetworkRanksOptions
    out: Path = Path("figures")
    """Folder for network-ranks.png, .pdf, .csv and .json; made if it is missing."""
    networks: Path = Path("networks")
    """Folder for the trained networks and finished points, from which an interrupted run goes on. Made
    if it is missing."""

    def run(self) -> None:
        """Train, project, fine-tune, quantise, assess, draw, write, and say what was found."""
        self.config.check()
        if importlib.util.find_spec("optax") is None:
            raise ValueError("training networks needs optax: pip install 'ratedist[networks]'")
        require_writable(self.networks)
        write_figure(self.out, "network-ranks", self._compute, self._draw, summary)

    def _compute(self) -> Table:
        from ratedist.experiments.network_ranks import run

        interruption.keep(self.networks, f"the same command goes on from what is in {self.networks}/")
        return run(self.config, self.networks, progress=sys.stderr.isatty())

    def _draw(self, table: Table) -> Figure:
        from ratedist.plotting.network_ranks import draw_network_ranks

        return draw_network_ranks(table.frame, describe(table.record))


def summary(record: dict[str, Any]) -> str:
    """The setting, means, every paired difference without quantising, and the verdicts."""
    heading = "test loss in nats, raw / with a temperature of each network's own / accuracy"
    told = "paired differences of the loss with temperatures"
    return "\n".join(
        [
            describe(record),
            "",
            heading,
            *record["tables"],
            told,
            *record["sentences"],
            "",
            *record["verdicts"],
        ]
    )


def describe(record: dict[str, Any]) -> str:
    """The setting in one line, for the head of the figure."""
    configuration = record["configuration"]
    number = configuration["models"]
    networks = f"{number} network{'s' if number > 1 else ''} on {NAMES[configuration['data']]}"
    shape = "-".join(str(layer[-2]) for layer in record["layers"])
    return (
        f"{networks} ({shape}-{record['layers'][-1][-1]}), trained for {record['training_steps']:,} steps on "
        f"{record['train_images_per_network']:,} images, fine-tuned for {record['fine_tuning_steps']:,}; "
        "error bars of two standard errors over networks"
    )
