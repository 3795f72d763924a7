"""Description length of a pytree of weights: each layer under a prior of its own, by empirical Bayes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ratedist import _checks
from ratedist.container.dtypes import NAMES, WEIGHT_DTYPES
from ratedist.tensors.leaves import named_leaves
from ratedist.tensors.tensor import named
from ratedist.theory.bits_back import KINDS, bits_back_cost, empirical_bayes_prior
from ratedist.theory.code_lengths import code_length, round_to_grid
from ratedist.theory.priors import GaussianPrior, LaplacePrior, TwoSpikePrior


@dataclasses.dataclass(frozen=True)
class LayerDescription:
    """What the weights of one leaf cost.

    Attributes:
        prior: of these weights; ``None`` where they are all zero, which costs nothing.
        num_weights: in the leaf.
        nats: of all of them together.
    """

    prior: GaussianPrior | LaplacePrior | TwoSpikePrior | None
    num_weights: int
    nats: float


@dataclasses.dataclass(frozen=True)
class TreeDescription:
    """What the weights of a pytree cost; the priors' own one or two numbers a leaf are not counted.

    Attributes:
        layers: by the names of the leaves, in the order of the tree: the path of each with dots between.
    """

    layers: dict[str, LayerDescription]

    @property
    def num_weights(self) -> int:
        """In all leaves."""
        return sum(layer.num_weights for layer in self.layers.values())

    @property
    def nats(self) -> float:
        """Of all leaves together."""
        return sum(layer.nats for layer in self.layers.values())

    @property
    def nats_per_weight(self) -> float:
        """On average over all weights."""
        return self.nats / self.num_weights


def tree_code_length(parameters: Any, step: Any, prior: str = "gaussian") -> TreeDescription:
    """Length of all weights rounded to a grid, each leaf under its own prior.

    The prior is that of ``rd.theory.empirical_bayes_prior``, fitted to the rounded weights of the leaf. The
    length is ``rd.theory.code_length``.

    Args:
        parameters: a pytree; its floating-point arrays count, other leaves do not.
        step: δ > 0, one number for all; or a pytree of the same structure with one for each leaf, or for each
            weight.
        prior: "gaussian", "laplace" or "two_spike".

    Returns:
        :class:`TreeDescription`, nats.

    Raises:
        ValueError: no floating-point array, weights that are not finite, a step not above zero or of another
            structure, another kind of prior; the message names the leaf.

    Example:
        >>> import numpy as np, ratedist as rd
        >>> kernel = 0.1 * np.random.default_rng(0).normal(size=(50, 20))
        >>> description = rd.tree_code_length({"kernel": kernel, "bias": np.zeros(20)}, step=0.01)
        >>> round(description.layers["kernel"].prior.scale, 3), round(description.nats_per_weight, 3)
        (0.098, 3.628)
    """
    prior = _checks.one_of("prior", prior, KINDS)

    def described(weights: np.ndarray, delta: Any) -> LayerDescription:
        rounded = round_to_grid(weights, delta)
        if not rounded.any():
            return LayerDescription(None, rounded.size, 0.0)
        law = empirical_bayes_prior(rounded, prior)
        return LayerDescription(law, rounded.size, float(code_length(rounded, delta, law).sum()))

    weights = _weights(parameters)
    steps = _beside(parameters, step, "step", weights)
    return TreeDescription(
        {name: named(name, described, leaf, steps[name]) for name, leaf in weights.items()}
    )


def tree_bits_back_cost(mean: Any, scale: Any, prior: str = "gaussian") -> TreeDescription:
    """Net cost of all weights sent as a sample of a diagonal posterior, each leaf under its own prior.

    The prior is that of ``rd.theory.empirical_bayes_prior``, fitted to means and scales of the leaf. The cost
    is ``rd.theory.bits_back_cost``.

    Args:
        mean: a pytree with μ; its floating-point arrays count, other leaves do not.
        scale: s > 0 of the posterior, one number for all; or a pytree of the same structure with one for each
            leaf, or for each weight.
        prior: "gaussian", "laplace" or "two_spike".

    Returns:
        :class:`TreeDescription`, nats.

    Raises:
        ValueError: no floating-point array, means that are not finite, a scale not above zero or of another
            structure, another kind of prior; the message names the leaf.

    Example:
        >>> import numpy as np, ratedist as rd
        >>> kernel = 0.1 * np.random.default_rng(0).normal(size=(50, 20))
        >>> description = rd.tree_bits_back_cost({"kernel": kernel, "bias": np.zeros(20)}, scale=0.02)
        >>> round(description.layers["kernel"].prior.scale, 3), round(description.nats_per_weight, 3)
        (0.1, 1.576)
    """
    prior = _checks.one_of("prior", prior, KINDS)

    def described(mu: np.ndarray, s: Any) -> LayerDescription:
        law = empirical_bayes_prior(mu, prior, s)
        return LayerDescription(law, mu.size, float(bits_back_cost(mu, s, law).sum()))

    means = _weights(mean)
    scales = _beside(mean, scale, "scale", means)
    return _of_each(means, scales, described)


def _of_each(
    weights: dict[str, np.ndarray], values: dict[str, Any], described: Callable[..., LayerDescription]
) -> TreeDescription:
    return TreeDescription(
        {name: named(name, described, leaf, values[name]) for name, leaf in weights.items()}
    )


def _weights(parameters: Any) -> dict[str, np.ndarray]:
    """Floating-point leaves that are not empty, as float64."""
    leaves, _ = named_leaves(parameters)
    found = {name: leaf for name, leaf in leaves.items() if _is_floating(leaf) and np.size(leaf)}
    if not found:
        raise ValueError(f"parameters have no floating-point array among {len(leaves)} leaf or leaves")
    return {name: np.asarray(leaf).astype(np.float64) for name, leaf in found.items()}


def _is_floating(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and NAMES.get(getattr(leaf, "dtype", None)) in WEIGHT_DTYPES


def _beside(parameters: Any, value: Any, what: str, weights: dict[str, np.ndarray]) -> dict[str, Any]:
    """A number for every leaf: the same, or those of a tree like that of the parameters."""
    if np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iuf":
        return dict.fromkeys(weights, value)
    found, structure = named_leaves(value)
    if not weights.keys() <= found.keys():
        raise ValueError(
            f"{what} must be one number or have the structure of the parameters, "
            f"{named_leaves(parameters)[1]}, got {structure}"
        )
    for name, leaf in weights.items():
        shape = np.shape(found[name])
        if shape not in ((), leaf.shape):
            raise ValueError(f"{name!r}: {what} must be one number or of shape {leaf.shape}, got {shape}")
    return found
