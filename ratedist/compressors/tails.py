"""Which moments of a risk exist, from the law of the weights.

``W − w* = σΣ^{−1/2} z/√g`` with g ~ χ² of ν = n − d + 1 degrees of freedom, so that ``P(‖W − w*‖ > t)`` falls
as t^{−ν}. A risk of one trial that grows as ‖W − w*‖² has its k-th moment exactly if 2k < ν: the mean for
n > d + 1, the variance for n > d + 3, the third for n > d + 5 and the fourth for n > d + 7. Any other risk
has all moments at every n >= d, because ``(W − w*)ᵀA(W − w*)/σ²`` is χ² with d degrees of freedom.

Averaging the data out (Rao–Blackwell) changes none of this: given W, the distortion of a data set is the
averaged one times an independent χ²_{n+1}/(n + 1). Derivation: docs/compressors.md.

Each row of the weights of several outputs has this law, Γ_ii in the place of σ² and d the number of inputs.
So the same moments exist. The coverage that intervals lose is taken as that of one output.
"""

from __future__ import annotations

import math

from ratedist.compressors.base import Compressor
from ratedist.linear_model.base import LinearModel

# Coverage that intervals of ± 2 standard errors may lack before it is said.
COVERAGE_TOLERANCE = 0.002


def moment_limit(compressor: Compressor, model: LinearModel, risk: str) -> float:
    """The order k below which the moments ``E|risk|^k`` of one trial exist: ν/2, or infinity."""
    heavy = risk in compressor.heavy_tailed(model)
    return model.degrees_of_freedom / 2 if heavy else math.inf


def infinite_expectations(compressor: Compressor, model: LinearModel) -> dict[str, str]:
    """For each risk without a finite expectation the reason, by the risk's name."""
    heavy = frozenset(compressor.heavy_tailed(model))
    setting = f"(n = {model.n}, d = {model.num_inputs})"
    reasons = {}
    for risk in heavy:
        if moment_limit(compressor, model, risk) > 1:
            continue
        reasons[risk] = (
            f"the expected {risk} of {type(compressor).__name__} is infinite for n <= d + 1 {setting}"
        )
        if risk == "generalization_error" and {"population_risk", "empirical_risk"} <= heavy:
            reasons[risk] = (
                f"the generalization_error of {type(compressor).__name__} has no expectation: population and "
                f"empirical risk, whose difference it is, are both infinite for n <= d + 1 {setting}"
            )
    return reasons


def interval_notes(compressor: Compressor, model: LinearModel, num_trials: int) -> dict[str, str]:
    """For each risk whose standard error misleads the reason, by the risk's name."""
    note = interval_note(model, num_trials)
    return dict.fromkeys(compressor.heavy_tailed(model), note) if note else {}


def interval_note(model: LinearModel, num_trials: int) -> str:
    """What to know beside the standard error of a risk that grows with ‖W‖²; empty if nothing.

    Without a variance the error estimates nothing. Without a third or fourth moment the coverage of ± 2 of
    it rises slowly to the 95.4% of a normal law. With four moments the coverage lost is O(1/num_trials); the
    Edgeworth expansion at the skewness and kurtosis of ERM's risk says whether it is worth a note.
    """
    nu = model.degrees_of_freedom
    if nu <= 4:
        return "the variance of one trial is infinite for n <= d + 3: this standard error is not reliable"
    if nu <= 8:
        order, bound = ("third", 5) if nu <= 6 else ("fourth", 7)
        return (
            f"the {order} moment of one trial is infinite for n <= d + {bound}: "
            "± 2 standard errors cover less than the nominal 95.4%, the less the fewer the trials"
        )
    if coverage_lost(model, num_trials) <= COVERAGE_TOLERANCE:
        return ""
    _, kurtosis = _shape(model)
    return (
        f"{num_trials} trials are few for such heavy tails (kurtosis {kurtosis + 3:.3g} for ERM): "
        "± 2 standard errors cover less than the nominal 95.4%"
    )


def coverage_lost(model: LinearModel, num_trials: int) -> float:
    """What ± 2 standard errors of ERM's population risk cover less than for normal values, n > d + 7.

    ``(2/N) x φ(x) [γ²(x⁴ + 2x² − 3)/18 − κ(x² − 3)/12]`` at x = 2, with the skewness γ and the excess
    kurtosis κ of ``χ²_d/χ²_ν``, a multiple of an F variable.

    Source: Hall, Annals of Probability 15 (1987) 920–931, the expansion of Student's statistic.
    """
    skewness, kurtosis = _shape(model)
    x = 2.0
    density = math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    polynomial = skewness**2 * (x**4 + 2 * x**2 - 3) / 18 - kurtosis * (x**2 - 3) / 12
    return 2 / num_trials * x * density * polynomial


def _shape(model: LinearModel) -> tuple[float, float]:
    """Skewness and excess kurtosis of the population risk of ERM: those of the F law with (d, ν), ν > 8."""
    d, nu = model.num_inputs, model.degrees_of_freedom
    common = d * (d + nu - 2)
    skewness = (2 * d + nu - 2) * math.sqrt(8 * (nu - 4) / common) / (nu - 6)
    kurtosis = 12 * ((5 * nu - 22) + (nu - 4) * (nu - 2) ** 2 / common) / ((nu - 6) * (nu - 8))
    return skewness, kurtosis
