r"""The conditional-CGF bound for several outputs, from the population risks alone.

Given Ŵ a fresh loss is a sum of independent ``λ_i χ²_1``, λ_i the eigenvalues of M(Γ + EΣEᵀ), E = Ŵ − W*. So

    gen ≤ [η + t E Σ_i λ_i − ½ E Σ_i ln(1 + 2tλ_i)] / t     for every t > 0,  η = R/n.

With the eigenvalues γ_1 ≥ … ≥ γ_o of MΓ and x = tr MEΣEᵀ, the excess risk,

    Σ_i ln(1 + 2tλ_i) ≥ ln(1 + 2t(γ_1 + x)) + Σ_{i>1} ln(1 + 2tγ_i),

because ``|P + Q| ≥ |P|(1 + tr P⁻¹Q)`` for positive P and semidefinite Q. All excess on the largest noise is
the worst case. It is the bound of one output with the other directions of the noise beside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.linear_model.multi_output import MultiOutputLinearModel
from ratedist.theory.bounds.conditional_cgf import (
    VARIANCE_TOLERANCE,
    CgfBound,
    conditional_log_slope,
    conditional_terms,
)


def multi_output_cgf_bound(
    model: MultiOutputLinearModel, rate: ArrayLike, population_risk: ArrayLike
) -> CgfBound:
    """The conditional-CGF bound on gen for several outputs, by samples of the population risk.

    With one output it is :func:`conditional_cgf_bound`. The slope is chosen on the first half of the samples
    and the bound averaged over the second.

    Args:
        model: of several outputs; supplies n and the noise in the metric of the loss.
        rate: R ≥ 0 in nats, an upper bound on the information, or one value a sample, shape ``(m,)``, whose
            expectation is that bound.
        population_risk: of each sample's reconstruction, shape ``(m,)``, m ≥ 4, in units of the loss.

    Returns:
        :class:`CgfBound`. Its standard error presumes a finite variance of the population risk.

    Raises:
        ValueError: another model, a negative rate, risks below that of the true weights or not finite, fewer
            than 4 samples.

    Source: docs/bounds.md §2.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> model = rd.MultiOutputLinearModel(80, np.zeros((4, 50)), noise_covariance=[1.0, 0.5, 0.25, 0.25])
        >>> risks = np.full(100, model.bayes_risk + 0.3)
        >>> round(rd.theory.multi_output_cgf_bound(model, 20.0, risks).value, 3)
        1.104
    """
    if not isinstance(model, MultiOutputLinearModel):
        raise ValueError(f"model must be a MultiOutputLinearModel, got {model!r:.80}")
    R = _checks.in_range("rate", rate)
    risk = _checks.real_array("population_risk", population_risk)
    if risk.ndim != 1 or risk.size < 4:
        raise ValueError(
            f"population_risk must have shape (m,), m >= 4, to be split in two, got {risk.shape}"
        )
    if R.ndim != 0 and R.shape != risk.shape:
        raise ValueError(f"rate must be one number or have shape {risk.shape}, got shape {R.shape}")
    least = model.bayes_risk
    if risk.min() < least * (1 - VARIANCE_TOLERANCE):
        raise ValueError(
            f"population_risk must be at least that of the true weights, {least:g}, got {risk.min():g}"
        )
    largest, others = model.noise_spectrum[0], model.noise_spectrum[1:]
    s = largest + np.maximum(risk - least, 0.0)
    half, o = s.size // 2, model.num_outputs
    etas = np.broadcast_to(R / model.n, s.shape)
    # Every direction counts once, as do all samples together.
    values = np.concatenate([s[:half], others])
    weights = np.concatenate([np.full(half, 1 / half), np.ones(o - 1)]) / o
    x = conditional_log_slope(values, weights, float(etas[:half].mean()) / o)
    terms = conditional_terms(s[half:], x, etas[half:]) + np.sum(conditional_terms(others, x, 0.0))
    with np.errstate(over="ignore"):
        slope = float(np.exp(x))
    if np.any(np.isinf(terms)):
        return CgfBound(np.inf, slope, np.inf)
    return CgfBound(float(terms.mean()), slope, float(terms.std(ddof=1) / np.sqrt(terms.size)))
