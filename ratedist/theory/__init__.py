"""Closed forms and deterministic numerics, in float64 whatever JAX is set to."""

from ratedist.theory.bounds import (
    codebook_squared_radius,
    exact_cgf_bound,
    proposition1_bound,
    sub_gaussian_bound,
)
from ratedist.theory.erm import (
    erm_empirical_risk,
    erm_generalization_error,
    erm_population_risk,
    erm_weight_variance,
)
from ratedist.theory.oracle import (
    oracle_alpha,
    oracle_alpha_at_rate,
    oracle_distortion,
    oracle_gaussian_rate,
    oracle_generalization_error,
    oracle_population_risk,
    oracle_rate,
)
from ratedist.theory.rate_distortion import (
    distortion_rate_bound,
    distortion_rate_envelope,
    distortion_rate_tight,
    erm_gaussian_divergence,
    rate_distortion_bound,
    rate_distortion_tight,
    remark2_lower_bound,
    zero_rate_distortion,
)

__all__ = [
    "codebook_squared_radius",
    "distortion_rate_bound",
    "distortion_rate_envelope",
    "distortion_rate_tight",
    "erm_empirical_risk",
    "erm_gaussian_divergence",
    "erm_generalization_error",
    "erm_population_risk",
    "erm_weight_variance",
    "exact_cgf_bound",
    "oracle_alpha",
    "oracle_alpha_at_rate",
    "oracle_distortion",
    "oracle_gaussian_rate",
    "oracle_generalization_error",
    "oracle_population_risk",
    "oracle_rate",
    "proposition1_bound",
    "rate_distortion_bound",
    "rate_distortion_tight",
    "remark2_lower_bound",
    "sub_gaussian_bound",
    "zero_rate_distortion",
]
