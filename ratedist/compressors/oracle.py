"""The papers' oracle: the Gaussian test channel that knows w*."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from ratedist import _checks
from ratedist.compressors.base import Compressed, Context, RateKind, following_weights
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.multi_output import single_output
from ratedist.pytrees import register_record
from ratedist.theory.oracle import oracle_gaussian_rate
from ratedist.theory.oracle_information import oracle_alpha_at_rate, oracle_output_mixture, oracle_rate


@dataclasses.dataclass(frozen=True)
class Oracle:
    """``Ŵ = (1 − α)W + αw* + ξ``, ``ξ ~ N(0, (1 − α)(D/d)Σ⁻¹)``, ``D = αdσ²/n``.

    Args:
        alpha: α in [0, 1], the share of the largest distortion dσ²/n: 1 sends nothing, 0 sends W. Give it or
            ``rate``.
        rate: the exact rate I(W; Ŵ) in nats for the whole vector, from which α follows. Give it or ``alpha``.

    Rates: ``mutual_information`` (exact, by quadrature), ``gaussian_bound`` (never below it) and, for
    0 < α < 1, ``information_density``, whose mean over trials is the mutual information.

    With o outputs ``ξ ~ N(0, (1 − α)(α/n) Γ ⊗ Σ⁻¹)``, and D is the share α of the largest distortion,
    tr(MΓ)d/n. The law of Ŵ is then a mixture over a Wishart matrix, for which there is no quadrature here.
    The ``gaussian_bound`` is the only rate, and α has to be given. The same α for every direction of the
    noise is best for M = Γ⁻¹; ``rd.theory.multi_output_rate_bound`` has what the best shares need otherwise.

    Source: Entropy 2021 eq. (26); AAAI 2020 eq. (25).

    Example:
        >>> import ratedist as rd
        >>> rd.Oracle(alpha=0.5).alpha, rd.Oracle(rate=20.0).rate
        (0.5, 20.0)
    """

    alpha: float | None = None
    rate: float | None = None

    markov = True
    needs = frozenset({"model"})

    def __post_init__(self) -> None:
        if (self.alpha is None) == (self.rate is None):
            raise ValueError(f"give either alpha or rate, got alpha={self.alpha!r} and rate={self.rate!r}")
        for name, value, high in (("alpha", self.alpha, 1.0), ("rate", self.rate, np.inf)):
            if value is not None and _checks.in_range(name, value, high=high).ndim != 0:
                raise ValueError(f"{name} must be one number, got {value!r}")

    def prepare(self, model: LinearModel) -> PreparedOracle:
        """Find α for this model and the law of the output, needed for the information density."""
        alpha = self._alpha(model)
        inside = 0 < alpha < 1 and model.bayes_risk > 0 and model.num_outputs == 1
        offset, precision = np.zeros(0), np.zeros(0)
        if inside:
            offset, precision = oracle_output_mixture(single_output("the law of its output", model), alpha)
        # The number of nodes depends on the model; padded, a sweep over n compiles a few times at most.
        padding = _padded_size(offset.size) - offset.size
        offset = np.pad(offset, (0, padding), constant_values=-np.inf)
        precision = np.pad(precision, (0, padding))
        dtype = jnp.result_type(float)
        return PreparedOracle(
            jnp.asarray(alpha, dtype), jnp.asarray(offset, dtype), jnp.asarray(precision, dtype)
        )

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """The risks that follow ‖W‖² for α < 1; none at α = 1, where Ŵ = w*. The distortion never does."""
        if self._alpha(model) == 1:
            return frozenset()
        return following_weights(model, "population_risk", "generalization_error")

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """The exact rate, for one output, and the Gaussian bound on it, in nats."""
        alpha, rates = self._alpha(model), {}
        if model.num_outputs == 1:
            one = single_output("the exact rate of the oracle", model)
            rates["mutual_information"] = float(oracle_rate(one, alpha))
        if model.n > model.num_inputs + 1:
            rates["gaussian_bound"] = float(oracle_gaussian_rate(model, alpha))
        return rates

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The exact rate, and the Gaussian one above it."""
        return dict.fromkeys(self.fixed_rates(model), "information")

    def _alpha(self, model: LinearModel) -> float:
        if self.rate is None:
            return float(self.alpha or 0.0)
        return oracle_alpha_at_rate(single_output("the α of an oracle's rate", model), self.rate)


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedOracle:
    """An :class:`Oracle` with its α and the mixture law of its output; ``α`` is traced."""

    alpha: jax.Array
    offset: jax.Array
    precision: jax.Array

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Pass the weights through the channel; the information density in nats comes with it."""
        (alone,) = self.compress_random_family({"alone": self}, key[None], weights, context).values()
        return jax.tree.map(lambda leaf: leaf[0], alone)

    @staticmethod
    def compress_random_family(
        members: Mapping[str, PreparedOracle], keys: jax.Array, weights: jax.Array, context: Context
    ) -> dict[tuple[str, ...], Compressed]:
        """The channels of all members: one generator, and one density for all that have one."""
        model = context.model
        if model is None:
            raise ValueError("the oracle needs context.model")
        d = weights.shape[0]
        # Drawn in a loop: elsewhere XLA would draw all of it again for each of its uses.
        noise = jax.lax.map(lambda key: jax.random.normal(key, (d,)), keys)
        alpha = jnp.stack([one.alpha for one in members.values()])
        noise_variance = (1 - alpha) * alpha / model.num_samples  # of ξ after whitening, over σ²
        colored = jax.vmap(model.weight_noise)(noise, jnp.sqrt(noise_variance))
        error = (1 - alpha)[:, None] * (weights - model.w_star)[None, :] + colored
        groups: dict[int, list[str]] = {}
        for name, one in members.items():
            groups.setdefault(one.offset.size, []).append(name)
        compressed, place = {}, {name: row for row, name in enumerate(members)}
        for nodes, names in groups.items():
            # A part of consecutive rows is a slice: cheaper than the same rows gathered.
            rows = [place[name] for name in names]
            own = slice(rows[0], rows[-1] + 1) if rows == [*range(rows[0], rows[-1] + 1)] else np.array(rows)
            rates = {}
            if nodes:
                offset, precision = (
                    jnp.stack([getattr(members[name], leaf) for name in names])
                    for leaf in ("offset", "precision")
                )
                squared_norm = jax.vmap(model.relative_excess)(error[own])
                variance = 2 * jnp.pi * noise_variance[own]
                log_conditional = -d / 2 * jnp.log(variance) - jnp.sum(noise[own] ** 2, axis=1) / 2
                log_marginal = logsumexp(offset - squared_norm[:, None] * precision, axis=1)
                rates["information_density"] = log_conditional - log_marginal
            compressed[tuple(names)] = Compressed(model.w_star[None, :] + error[own], rates)
        return compressed


def _padded_size(num_nodes: int) -> int:
    """The next of 0, 64, 96, 128, 192, 256, …: powers of two, and halfway between them."""
    if num_nodes == 0:
        return 0
    size = 64
    while size < num_nodes:
        size = size * 3 // 2 if size & (size - 1) == 0 else size * 4 // 3
    return size
