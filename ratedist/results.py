"""What a simulation returns: estimates by name, and paired differences from shared draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ratedist.compressors.base import RISK_NAMES
from ratedist.estimate import Estimate, Moments

SQUARED_DISTANCE = "squared_distance"
RATE_PREFIX = "rate/"


@dataclasses.dataclass(frozen=True)
class RiskEstimates:
    """Estimates for one compressor, or for the difference of two.

    Attributes:
        risks: the four quantities of Figure 2 by name; also attributes of their own.
        rates: rates in nats by name.
        infinite: for a risk without a finite expectation in this model, the reason.
        max_squared_distance: the largest ‖ŵ − w*‖²₂ met in the trials. It grows with their number and
            bounds nothing: a plug-in for C(w*), see Entropy 2021 eq. (20). NaN for a difference.
    """

    risks: Mapping[str, Estimate]
    rates: Mapping[str, Estimate]
    infinite: Mapping[str, str]
    max_squared_distance: float = float("nan")

    @property
    def population_risk(self) -> Estimate:
        """``E L_μ(Ŵ)``."""
        return self._risk("population_risk")

    @property
    def empirical_risk(self) -> Estimate:
        """``E L_S(Ŵ)``."""
        return self._risk("empirical_risk")

    @property
    def distortion(self) -> Estimate:
        """``E d_S(Ŵ, W) = E[L_S(Ŵ) − L_S(W)]``."""
        return self._risk("distortion")

    @property
    def generalization_error(self) -> Estimate:
        """``E[L_μ(Ŵ) − L_S(Ŵ)]``."""
        return self._risk("generalization_error")

    def _risk(self, name: str) -> Estimate:
        if name in self.infinite:
            raise ValueError(self.infinite[name])
        return self.risks[name]


@dataclasses.dataclass(frozen=True, eq=False)
class SimulationResult:
    """Moments of every risk and rate over the trials; index it by a compressor's name.

    Attributes:
        compressors: the names, in the order given.
        num_trials: trials behind every estimate.
        sampler: "erm", "statistics" or "dataset".
        moments: by quantity (the four risks, ``squared_distance``, ``rate/NAME``), over the compressors
            that report it.
        fixed_rates: per compressor, the rates known without simulation, in nats.
        infinite: per compressor and risk, why the expectation does not exist.
        precision: the floating-point type that the trials were computed in.
        note: what a reader must know beside every standard error, or empty.
    """

    compressors: tuple[str, ...]
    num_trials: int
    sampler: str
    moments: Mapping[str, Moments]
    fixed_rates: Mapping[str, Mapping[str, float]]
    infinite: Mapping[str, Mapping[str, str]]
    precision: str
    note: str = ""

    def __getitem__(self, name: str) -> RiskEstimates:
        self._require(name)
        fixed = {
            rate: Estimate(value, 0.0, self.num_trials) for rate, value in self.fixed_rates[name].items()
        }
        simulated = {rate: moments.estimate(name) for rate, moments in self._rates() if name in moments.names}
        risks = {risk: self._noted(self.moments[risk].estimate(name)) for risk in RISK_NAMES}
        distances = self.moments[SQUARED_DISTANCE]
        largest = float(distances.maximum[distances.names.index(name)])
        return RiskEstimates(risks, fixed | simulated, self.infinite[name], largest)

    def difference(self, name: str, other: str) -> RiskEstimates:
        """Risks (and common rates) of ``name`` minus those of ``other``, paired trial by trial."""
        self._require(name)
        self._require(other)
        risks = {risk: self._noted(self.moments[risk].difference(name, other)) for risk in RISK_NAMES}
        rates = {
            rate: moments.difference(name, other)
            for rate, moments in self._rates()
            if name in moments.names and other in moments.names
        }
        return RiskEstimates(risks, rates, {**self.infinite[name], **self.infinite[other]})

    def _rates(self) -> list[tuple[str, Moments]]:
        return [
            (quantity.removeprefix(RATE_PREFIX), moments)
            for quantity, moments in self.moments.items()
            if quantity.startswith(RATE_PREFIX)
        ]

    def _require(self, name: str) -> None:
        if name not in self.compressors:
            raise ValueError(f"no compressor {name!r} in this result, it has {', '.join(self.compressors)}")

    def _noted(self, estimate: Estimate) -> Estimate:
        return dataclasses.replace(estimate, note=self.note)
