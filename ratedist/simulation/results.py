"""What a simulation returns: estimates by name, and paired differences from shared draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ratedist.estimate import Estimate, Moments
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.simulation.estimates import (
    RATE_PREFIX,
    SQUARED_DISTANCE,
    Named,
    RiskEstimates,
    Source,
    UnknownNameError,
    listed,
    noted,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SimulationResult(Mapping[str, RiskEstimates]):
    """Moments of every risk and rate over the trials: a mapping from the compressors' names to estimates.

    Attributes:
        compressors: the names, in the order given.
        num_trials: trials behind every estimate.
        sampler: "erm", "statistics" or "dataset".
        moments: by quantity (the four risks, ``squared_distance``, ``rate/NAME``), over the compressors
            that report it.
        fixed_rates: per compressor, the rates known without simulation, in nats.
        infinite: per compressor and risk, why the expectation does not exist.
        precision: the floating-point type that the trials were computed in.
        notes: per compressor and risk, what a reader must know beside its standard error, if anything.
        sources: per compressor, the model and the compressor itself.
        samples: by quantity the values of every trial, shape ``(num_trials, G)`` in the order of the names
            of its moments, or ``None``.
    """

    compressors: tuple[str, ...]
    num_trials: int
    sampler: str
    moments: Mapping[str, Moments]
    fixed_rates: Mapping[str, Mapping[str, float]]
    infinite: Mapping[str, Mapping[str, str]]
    precision: str
    notes: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    sources: Mapping[str, Source] = dataclasses.field(default_factory=dict)
    samples: Mapping[str, np.ndarray] | None = None

    @property
    def note(self) -> str:
        """What a reader must know beside the standard errors of some risks, or empty."""
        return next((note for notes in self.notes.values() for note in notes.values()), "")

    def __getitem__(self, name: str) -> RiskEstimates:
        self._require(name)
        fixed = {
            rate: Estimate(value, 0.0, self.num_trials) for rate, value in self.fixed_rates[name].items()
        }
        simulated = {rate: moments.estimate(name) for rate, moments in self._rates() if name in moments.names}
        notes = self.notes.get(name, {})
        risks = {risk: noted(self.moments[risk].estimate(name), notes.get(risk, "")) for risk in RISK_NAMES}
        distances = self.moments[SQUARED_DISTANCE]
        largest = float(distances.maximum[distances.names.index(name)])
        rates = Named(fixed | simulated, f"rate of {name!r}")
        samples, source = self._samples(name), self.sources.get(name)
        return RiskEstimates(risks, rates, self.infinite[name], largest, samples, source)

    def __iter__(self) -> Iterator[str]:
        return iter(self.compressors)

    def __len__(self) -> int:
        return len(self.compressors)

    def __contains__(self, name: object) -> bool:
        return name in self.compressors

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({listed(self.compressors)}: {self.num_trials} trials, "
            f"sampler {self.sampler!r}, {self.precision})"
        )

    def difference(self, name: str, other: str) -> RiskEstimates:
        """Risks (and common rates) of ``name`` minus those of ``other``, paired trial by trial."""
        self._require(name)
        self._require(other)
        notes = {**self.notes.get(other, {}), **self.notes.get(name, {})}
        risks = {
            risk: noted(self.moments[risk].difference(name, other), notes.get(risk, ""))
            for risk in RISK_NAMES
        }
        rates = {
            rate: moments.difference(name, other)
            for rate, moments in self._rates()
            if name in moments.names and other in moments.names
        }
        common = Named(rates, f"rate that {name!r} and {other!r} both count by trials,")
        return RiskEstimates(risks, common, {**self.infinite[name], **self.infinite[other]})

    def to_frame(self) -> pd.DataFrame:
        """One row for each compressor and quantity, as a pandas data frame.

        Columns: ``compressor``, ``quantity`` (a risk, or "rate/NAME" in nats), ``mean``, ``sem``,
        ``num_trials`` and ``note``. Mean and error of a risk of infinite expectation are NaN, and the note
        says why.
        """
        import pandas as pd

        rows = []
        for name, estimates in self.items():
            rates = {RATE_PREFIX + rate: estimate for rate, estimate in estimates.rates.items()}
            for quantity, estimate in {**estimates.risks, **rates}.items():
                if quantity in estimates.infinite:
                    nan = float("nan")
                    estimate = Estimate(nan, nan, self.num_trials, estimates.infinite[quantity])
                rows.append({"compressor": name, "quantity": quantity, **dataclasses.asdict(estimate)})
        return pd.DataFrame(rows)

    def _rates(self) -> list[tuple[str, Moments]]:
        return [
            (quantity.removeprefix(RATE_PREFIX), moments)
            for quantity, moments in self.moments.items()
            if quantity.startswith(RATE_PREFIX)
        ]

    def _samples(self, name: str) -> Mapping[str, np.ndarray] | None:
        if self.samples is None:
            return None
        columns = {
            quantity: values[:, self.moments[quantity].names.index(name)]
            for quantity, values in self.samples.items()
            if name in self.moments[quantity].names
        }
        return Named(columns, f"quantity of {name!r}")

    def _require(self, name: str) -> None:
        if name not in self.compressors:
            raise UnknownNameError(
                f"no compressor {name!r} in this result, it has {', '.join(self.compressors)}"
            )
