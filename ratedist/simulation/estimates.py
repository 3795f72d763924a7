"""Estimates for one compressor, with the bound that its trials give."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from ratedist.compressors.base import Compressor
from ratedist.compressors.declaration import bounding_rates
from ratedist.estimate import Estimate
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.multi_output import MultiOutputLinearModel
from ratedist.theory.bounds.conditional_cgf import CgfBound, conditional_cgf_bound
from ratedist.theory.bounds.multi_output_cgf import multi_output_cgf_bound

SQUARED_DISTANCE = "squared_distance"
RATE_PREFIX = "rate/"
# Names that a short text shows before it counts the others.
NAMES_SHOWN = 8

Value = TypeVar("Value")


class UnknownNameError(KeyError, ValueError):
    """A name that is not in a result; the message lists those that are."""

    def __str__(self) -> str:
        return str(self.args[0])


class Named(dict[str, Value]):
    """A dictionary whose missing names are an error that says what there is."""

    def __init__(self, values: Mapping[str, Value], what: str = "name") -> None:
        super().__init__(values)
        self.what = what

    def __missing__(self, name: Any) -> Value:
        raise UnknownNameError(f"no {self.what} {name!r} in this result, it has {listed(self) or 'none'}")


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the estimates of one compressor come from: what its bounds need to know."""

    name: str
    model: LinearModel
    compressor: Compressor


@dataclasses.dataclass(frozen=True, repr=False)
class RiskEstimates:
    """Estimates for one compressor, or for the difference of two.

    Attributes:
        risks: the four quantities of Figure 2 by name; also attributes of their own.
        rates: rates in nats by name.
        infinite: for a risk without a finite expectation in this model, the reason.
        max_squared_distance: the largest ‖ŵ − w*‖²₂ met in the trials. It grows with their number and
            bounds nothing: a plug-in for C(w*), see Entropy 2021 eq. (20). NaN for a difference.
        samples: with ``simulate(..., return_samples=True)`` the value of every trial, shape
            ``(num_trials,)``, of each risk, of "squared_distance", and of each simulated rate as "rate/NAME".
    """

    risks: Mapping[str, Estimate]
    rates: Mapping[str, Estimate]
    infinite: Mapping[str, str]
    max_squared_distance: float = float("nan")
    samples: Mapping[str, np.ndarray] | None = dataclasses.field(default=None, compare=False)
    source: Source | None = dataclasses.field(default=None, compare=False)

    def __repr__(self) -> str:
        parts = [
            f"{risk}: infinite" if risk in self.infinite else f"{risk}={noted(estimate, '')}"
            for risk, estimate in self.risks.items()
        ]
        notes = {estimate.note for risk, estimate in self.risks.items() if risk not in self.infinite} - {""}
        parts += [f"rates: {listed(self.rates) or 'none'}", *(f"note: {note}" for note in sorted(notes))]
        return f"{type(self).__name__}({', '.join(parts)})"

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

    def generalization_bound(self, rate: str) -> Estimate:
        """``gen ≤ B(λ) = E[R/(nλ) + σ_ℓ² − ln(1 + 2λσ_ℓ²)/(2λ)]``: the conditional-CGF bound, by samples.

        σ_ℓ² is the population risk of each trial's reconstruction and R its rate. The slope λ is chosen on
        the first half of the trials and B(λ) averaged over the second. So the mean returned is unbiased for a
        valid bound: the bound is its expectation, from which it differs by its standard error.

        Of several outputs it is ``rd.theory.multi_output_cgf_bound``: all excess counts as if it were on the
        largest noise.

        Args:
            rate: the name of a rate whose mean bounds an information: a decodable code length or an upper
                bound on I(S; Ŵ). For S → W → Ŵ one on I(W; Ŵ) will do.

        Returns:
            The bound in units of the loss; ``num_trials`` are those of the second half.

        Raises:
            ValueError: an unknown rate, one that bounds nothing, a bound on I(W; Ŵ) where S → W → Ŵ does not
                hold, a simulation without ``return_samples=True``, fewer than 4 trials, or a population risk
                of infinite expectation.

        Source: docs/bounds.md §2; which rates bound what: docs/compressors.md.
        """
        if self.source is None:
            raise ValueError("generalization_bound is for one compressor, got the difference of two")
        _ = self.rates[rate]  # an unknown name is the first thing to say
        model, compressor = self.source.model, self.source.compressor
        _require_bounding(rate, self.source)
        if self.samples is None:
            raise ValueError(
                "generalization_bound needs the values of every trial: simulate(..., return_samples=True)"
            )
        estimate = self._risk("population_risk")
        fixed = rate in compressor.fixed_rates(model)
        values = self.rates[rate].mean if fixed else self.samples[RATE_PREFIX + rate]
        # In single precision σ² + ‖·‖² may come out below σ²; the bound rises with σ_ℓ².
        risk = np.maximum(self.samples["population_risk"].astype(np.float64), model.bayes_risk)
        bound = _cgf_bound(model, values, risk)
        return Estimate(bound.value, bound.sem, risk.size - risk.size // 2, estimate.note)

    def _risk(self, name: str) -> Estimate:
        if name in self.infinite:
            raise ValueError(self.infinite[name])
        return self.risks[name]


def _cgf_bound(model: LinearModel, rate: Any, risk: np.ndarray) -> CgfBound:
    if isinstance(model, MultiOutputLinearModel):
        return multi_output_cgf_bound(model, rate, risk)
    if isinstance(model, GaussianLinearModel):
        return conditional_cgf_bound(model, rate, risk)
    raise TypeError(f"no bound for a {type(model).__name__}")


def _require_bounding(rate: str, source: Source) -> None:
    """Refuse a rate whose mean is not an upper bound on an information, and say which is."""
    compressor = source.compressor
    kinds = bounding_rates(source.name, compressor, source.model)
    if rate in kinds:
        return  # "information" where S → W → Ŵ fails was refused when it was declared
    if kinds:
        remedy = f"those of {source.name!r} that do are {', '.join(kinds)}"
    elif hasattr(compressor, "center_bits"):
        remedy = "give it center_bits and take decodable_length"
    else:
        remedy = f"{source.name!r} declares none in bounding_rates"
    needed = (
        "an upper bound on I(W; Ŵ), nor a decodable code length of Ŵ"
        if compressor.markov
        else "a decodable code length of Ŵ, nor an upper bound on I(S; Ŵ), and S → W → Ŵ does not hold, so "
        "nothing else bounds it"
    )
    raise ValueError(f"the mean of rate {rate!r} is not {needed}: {remedy}")


def noted(estimate: Estimate, note: str) -> Estimate:
    """The estimate with this note in place of its own."""
    return dataclasses.replace(estimate, note=note)


def listed(names: Mapping[str, Any] | tuple[str, ...]) -> str:
    """Names in a row, the last of many only counted."""
    shown = list(names)[:NAMES_SHOWN]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
