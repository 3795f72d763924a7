"""What is estimated and how it is drawn, by name; free of JAX, for tables and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import jax

# "auto", then the samplers in ``samplers.SAMPLERS``, which needs JAX; a test holds the two together.
SamplerName = Literal["auto", "erm", "statistics", "dataset"]


class Risks(NamedTuple):
    """Unbiased values of the four quantities of Figure 2 for one trial, in units of the loss."""

    population_risk: jax.Array
    empirical_risk: jax.Array
    distortion: jax.Array
    generalization_error: jax.Array


RISK_NAMES = Risks._fields
