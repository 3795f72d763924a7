"""What ``ratedist network-ranks`` compares; it needs no JAX, so that options are shown at once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from ratedist import _checks
from ratedist.experiments.network_config import DigitsConfig, NetworkConfig

if TYPE_CHECKING:
    from ratedist.networks.ensemble import EnsembleConfig

# Of a weight that is not quantised.
FLOAT_BITS = 32
LARGEST_BITS = 8
# Weightings of ``networks.low_rank``, and "kronecker" with the network's temperature.
PROJECTIONS = ("plain", "fwsvd", "asvd", "svd_llm", "kronecker", "kronecker_calibrated")
TRAINED = ("thresholded", "annealed")
WHOLE = "whole"

_DATA = {"digits": DigitsConfig, "mnist": NetworkConfig}
_MODELS = {"digits": 3, "mnist": 10}
_RANKS = {"digits": (2, 4, 8), "mnist": (4, 8, 16, 32)}


@dataclasses.dataclass(frozen=True)
class RankPoint:
    """One network at a rank, at so many bits.

    Attributes:
        method: how it got its rank: one of ``PROJECTIONS``; "thresholded" or "annealed" in training; "whole"
            where layers keep their full rank.
        rank: r of the hidden layers; 0 for "whole".
        fine_tuned: whether factors were trained on, before quantising.
        bits: of a weight: K-means with K = 2^bits values a factor; 32 for none.
    """

    method: str
    rank: int
    fine_tuned: bool
    bits: int


@dataclasses.dataclass(frozen=True)
class NetworkRanksConfig:
    """Networks at low rank; the networks are those of `ratedist mnist` and `ratedist digits`.

    Attributes:
        data: "digits" or "mnist".
        models: Number of networks; if not given, 10 on MNIST and 3 on digits.
        ranks: Ranks of every layer but the last; if not given, 4 8 16 32 on MNIST and 2 4 8 on digits.
        bits: Bits of a weight after K-means on each factor, beside 32 for none.
        epochs: Passes over the images; if not given, 25 on MNIST and 60 on digits.
        fine_tuning_epochs: Passes over the images that factors are trained for after projecting.
        fine_tuning_rate: Learning rate of these.
        prox_every: Training steps from one thresholding to the next, where the rank is kept from the start.
        seed: Seed of every random draw; network i depends on (seed, i) alone.
    """

    data: Literal["digits", "mnist"]
    models: int | None = None
    ranks: tuple[int, ...] | None = None
    bits: tuple[int, ...] = (2, 3, 4)
    epochs: int | None = None
    fine_tuning_epochs: int = 4
    fine_tuning_rate: float = 0.003
    prox_every: int = 100
    seed: int = 0

    @property
    def num_models(self) -> int:
        """Number of networks, given or not."""
        return _MODELS[self.data] if self.models is None else self.models

    @property
    def all_ranks(self) -> tuple[int, ...]:
        """Ranks, given or not, each once."""
        return tuple(dict.fromkeys(_RANKS[self.data] if self.ranks is None else self.ranks))

    def networks(self) -> NetworkConfig:
        """What is trained."""
        own = _DATA[self.data]
        config = own(models=self.num_models, seed=self.seed)
        return config if self.epochs is None else dataclasses.replace(config, epochs=self.epochs)

    def ensemble(self) -> EnsembleConfig:
        """The networks of this configuration."""
        return self.networks().ensemble()

    def check(self) -> None:
        """Raise ``ValueError``, in words, for a setting that makes no sense."""
        _checks.one_of("data", self.data, tuple(_DATA))
        _checks.integer("models", self.num_models, 1)
        _checks.integer("epochs", self.networks().epochs, 1)
        _checks.integer("fine_tuning_epochs", self.fine_tuning_epochs, 1)
        _checks.positive_number("fine_tuning_rate", self.fine_tuning_rate)
        _checks.integer("prox_every", self.prox_every, 1)
        _checks.seed(self.seed)
        if not self.all_ranks:
            raise ValueError("ranks must be at least one number, got none")
        width = 64 if self.data == "digits" else 256
        for rank in self.all_ranks:
            _checks.integer("ranks", rank, 1, width - 1)
        for bits in self.bits:
            _checks.integer("bits", bits, 1, LARGEST_BITS)

    def points(self) -> list[RankPoint]:
        """Every network to be judged, each once; those that share their factors follow each other."""
        kinds = [(WHOLE, 0), *((method, r) for r in self.all_ranks for method in (*PROJECTIONS, *TRAINED))]
        return [
            RankPoint(method, rank, fine_tuned, bits)
            for method, rank in kinds
            for fine_tuned in (False, True)
            for bits in (FLOAT_BITS, *dict.fromkeys(self.bits))
        ]
