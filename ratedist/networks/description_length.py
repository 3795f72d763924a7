"""Bits back for a network: a Gaussian posterior over its parameters, and what weights and data then cost.

The data are sent in two steps: parameters drawn from the posterior, then the labels by the network that they
make. Bits back charges ``KL(N(μ, s²) ‖ N(0, τ²))`` nats for a parameter, and the labels cost what the *drawn*
network makes of them. Each array has a prior of its own. To give the bits back, the receiver must know the
posterior once the labels are decoded: by training as the sender did. So this is a description length of the
data, and of the network no file.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq

from ratedist import _checks
from ratedist.estimate import Estimate
from ratedist.networks.architecture import Architecture, logits_function
from ratedist.networks.comparison import Function, check_pair, compiled
from ratedist.networks.curvature import checks
from ratedist.networks.curvature.diagonals import gauss_newton_diagonal
from ratedist.networks.curvature.tree_moments import num_samples as length_of
from ratedist.networks.losses import sample_cross_entropies
from ratedist.networks.pytrees import split_arrays
from ratedist.tensors.description import LayerDescription, TreeDescription
from ratedist.tensors.leaves import named_leaves
from ratedist.theory.bits_back import bits_back_cost
from ratedist.theory.priors import GaussianPrior

# A curvature below this part of 1/μ² an image decides nothing, and its square must not underflow.
LEAST_CURVATURE = 1e-150


@dataclasses.dataclass(frozen=True, eq=False)
class DiagonalPosterior:
    """Independent Gaussians over the parameters of a network, and what they cost.

    Attributes:
        mean: μ, the parameters themselves.
        scale: s of each, in a tree like ``mean``, float64; leaves that are no floating-point arrays as they
            were.
        cost: bits-back cost of the parameters, array by array, each with its prior N(0, τ²). The priors' own
            numbers are not counted.
        num_determined: ``Σ n h s²``, the number of parameters that the data determine.
    """

    mean: Any
    scale: Any
    cost: TreeDescription
    num_determined: float

    @property
    def predicted_rise(self) -> float:
        """``½ Σ n h s²``: nats by which the data get longer when parameters are drawn, if h did not vary."""
        return self.num_determined / 2

    def draw(self, key: jax.Array) -> Any:
        """Parameters drawn from the posterior, in the dtypes of ``mean``.

        Args:
            key: JAX PRNG key that decides what is random here.
        """
        _checks.random_key(key)
        leaves, structure = named_leaves(self.mean)
        scales = named_leaves(self.scale)[0]
        drawn = []
        for place, (name, leaf) in enumerate(leaves.items()):
            if checks.is_floating(leaf):
                noise = jax.random.normal(jax.random.fold_in(key, place), leaf.shape, jnp.float32)
                wide = np.asarray(leaf, np.float64) + scales[name] * np.asarray(noise, np.float64)
                leaf = jnp.asarray(wide.astype(np.asarray(leaf).dtype))
            drawn.append(leaf)
        return jax.tree.unflatten(structure, drawn)

    def data_length(
        self, model: Architecture | Function, data: Any, key: jax.Array, num_draws: int = 8
    ) -> Estimate:
        """Nats of all labels under a network that is drawn, on average: what bits back really pays for them.

        Args:
            model: an ``Architecture``, or ``logits_fn(parameters, inputs)``.
            data: ``(inputs, labels)``.
            key: JAX PRNG key that decides what is random here.
            num_draws: networks drawn; the standard error is over them.

        Raises:
            ValueError: data of another form, no draws.
        """
        keys = jax.random.split(_checks.random_key(key), _checks.integer("num_draws", num_draws, 1))
        check_pair("data", data)
        logits_of = compiled(logits_function("model", model), self.mean)
        drawn = (logits_of(data[0], split_arrays(self.draw(one))[0]) for one in keys)
        sums = np.array([sample_cross_entropies(z, np.asarray(data[1])).sum() for z in drawn])
        sem = sums.std(ddof=1) / math.sqrt(sums.size) if sums.size > 1 else math.nan
        return Estimate(float(sums.mean()), float(sem), sums.size)


def diagonal_posterior(
    parameters: Any,
    curvature: Any,
    num_samples: int,
    *,
    weight_decay: float | None = None,
    data_weight: float = 1.0,
) -> DiagonalPosterior:
    """Posterior of precision ``n·h + 1/τ²`` around trained parameters, and its bits-back cost.

    The loss is a mean over n samples, in nats a sample (cross-entropy), so that all data together have the
    curvature ``n·h``. To second order these scales make weights and data together shortest. For a network h
    at its parameters is not enough: see ``variational_posterior``. For squared errors of a known noise
    variance σ² the loss in nats is ``(y − ŷ)²/2σ²``, and h that of the mean squared error over 2σ².

    Args:
        parameters: any pytree, as trained; its floating-point arrays are described.
        curvature: h, the Hessian diagonal of the mean loss, in a tree of the same structure: as
            ``gauss_newton_diagonal`` returns it. Importances of mean 1 will not do.
        num_samples: n, how many samples the network was trained on.
        weight_decay: λ of the recipe it was trained by, for L2's own prior, ``τ² = 1/nλ``, in every array.
            ``None`` takes for each array the τ that makes weights and data shortest, ``τ² = mean(μ² + s²)``.
        data_weight: how many times the data's length is counted. Above 1 the posterior is narrower, its
            weights cost more, and the networks drawn are nearer to the one that was trained.

    Returns:
        ``DiagonalPosterior``, nats.

    Raises:
        ValueError: trees of different structure or shapes, parameters or curvature that are not finite,
            curvature below zero, numbers out of range; without ``weight_decay`` an array whose curvature is
            zero throughout, for which no prior is wide enough.

    Source: Hinton & van Camp 1993; docs/description-length.md.

    Example:
        >>> import numpy as np
        >>> weights, h = {"layer": np.array([0.3, -0.5, 0.1])}, {"layer": np.array([0.2, 0.1, 0.0])}
        >>> posterior = diagonal_posterior(weights, h, num_samples=1000)
        >>> posterior.scale["layer"].round(3), round(posterior.cost.nats, 3)
        (array([0.07 , 0.097, 0.427]), 3.289)
    """
    n = _checks.integer("num_samples", num_samples, 1) * _checks.positive_number("data_weight", data_weight)
    if weight_decay is not None:
        _checks.positive_number("weight_decay", weight_decay)
    leaves, structure = named_leaves(parameters)
    diagonal, other = named_leaves(curvature)
    if diagonal.keys() != leaves.keys():
        raise ValueError(f"curvature must have the structure of parameters, {structure}, got {other}")
    scales, layers, determined = dict(leaves), {}, 0.0
    for name, leaf in leaves.items():
        if not checks.is_floating(leaf) or np.size(leaf) == 0:
            continue
        mu = _checks.real_array(f"parameters, {name}", np.asarray(leaf, np.float64))
        h = _checks.in_range(f"curvature, {name}", np.asarray(diagonal[name]), high=1e150)
        if h.shape != mu.shape:
            raise ValueError(f"curvature, {name} must have shape {mu.shape}, got {h.shape}")
        if weight_decay is None:
            tau = _best_prior(name, mu, n * h)
        else:  # of the same samples, however often they are counted
            tau = 1 / math.sqrt(num_samples * weight_decay)
        s = tau / np.sqrt(1 + n * h * tau**2)
        nats = float(bits_back_cost(mu, s, GaussianPrior(tau)).sum()) if tau > 0 else 0.0
        scales[name] = s
        layers[name] = LayerDescription(GaussianPrior(tau) if tau > 0 else None, mu.size, nats)
        determined += num_samples * float(np.sum(h * s**2))
    if not layers:
        raise ValueError(
            f"parameters must have at least one floating-point array, got {checks.described(parameters)}"
        )
    scale = jax.tree.unflatten(structure, list(scales.values()))
    return DiagonalPosterior(parameters, scale, TreeDescription(layers), determined)


def variational_posterior(
    model: Architecture | Function,
    parameters: Any,
    inputs: Any,
    key: jax.Array,
    *,
    weight_decay: float | None = None,
    data_weight: float = 1.0,
    num_rounds: int = 12,
    chunk: int | None = None,
) -> DiagonalPosterior:
    """The posterior around trained parameters whose curvature is the one that its own draws meet.

    Of all diagonal Gaussians with this mean, the one whose weights and data are shortest has the precision
    ``n·E h + 1/τ²``. Here h is the Hessian diagonal at a draw from it, not at its mean. Each round measures
    the Gauss–Newton diagonal at one draw and moves the mean curvature towards it, half of the way at first,
    then less. A fixed point, and near the best one: that diagonal leaves out the kinks of ReLU. Where
    parameters enter the loss by a quadratic, it is the posterior of ``diagonal_posterior``. In networks h at
    the parameters is by far too small.

    Args:
        model: an ``Architecture``, or a function ``logits_fn(parameters, inputs)`` that returns logits of
            shape ``(batch, classes)`` and treats each sample by itself.
        parameters: any pytree, as trained.
        inputs: all samples that it was trained on; labels do not enter.
        key: JAX PRNG key that decides what is random here: with it the receiver finds the same scales.
        weight_decay: as in ``diagonal_posterior``.
        data_weight: counts the data's length so many times, as in ``diagonal_posterior``.
        num_rounds: how often the curvature is measured, besides once at the parameters: most of the time.
        chunk: samples at a time, as in ``gauss_newton_diagonal``.

    Returns:
        ``DiagonalPosterior``, nats; its curvature is in ``scale``.

    Raises:
        ValueError: as ``gauss_newton_diagonal`` and ``diagonal_posterior``.

    Source: Opper & Archambeau 2009, Neural Computation 21(3), with the Gauss–Newton diagonal in
        place of the Hessian's; docs/description-length.md.
    """
    model = model if isinstance(model, Architecture) else logits_function("model", model)
    rounds, n, key = _checks.integer("num_rounds", num_rounds, 0), length_of(inputs), _checks.random_key(key)

    def posterior(curvature: Any) -> DiagonalPosterior:
        return diagonal_posterior(
            parameters, curvature, n, weight_decay=weight_decay, data_weight=data_weight
        )

    curvature = gauss_newton_diagonal(model, parameters, inputs, chunk=chunk)
    for number in range(rounds):
        drawn = posterior(curvature).draw(jax.random.fold_in(key, number))
        found = gauss_newton_diagonal(model, drawn, inputs, chunk=chunk)
        share = 1 / max(2, number - rounds // 2 + 3)
        curvature = jax.tree.map(
            lambda old, new, share=share: old + share * (new - old) if checks.is_floating(old) else old,
            curvature,
            found,
        )
    return posterior(curvature)


def _best_prior(name: str, mu: np.ndarray, curvature: np.ndarray) -> float:
    """τ that minimises ``½ Σ [μ²/τ² + ln τ² + ln(nh + 1/τ²)]``: weights and data, the best s put in.

    Convex in ``ln 1/τ²``; its only stationary point is ``τ² = mean(μ² + s²)``. 0 for weights of zero.
    """
    size = float(np.abs(mu).max())
    if size == 0:
        return 0.0
    squares = float(np.sum((mu / size) ** 2))
    H = curvature * size * size
    H = np.where(H < LEAST_CURVATURE, 0.0, H)
    free = int(np.sum(H == 0))
    if free == mu.size:
        raise ValueError(
            f"curvature, {name} is zero throughout, or less than {LEAST_CURVATURE:g} at the size of its "
            "weights: the data say nothing of these; give a weight_decay, or leave them out"
        )

    def slope(t: float) -> float:
        a = math.exp(t)
        return a * squares - mu.size + float(np.sum(a / (H + a)))

    low = math.log((mu.size - free) / (squares + float(np.sum(1 / H[H > 0]))))
    high = math.log(mu.size / squares)
    t = high if slope(high) <= 0 else low if slope(low) >= 0 else float(brentq(slope, low, high, xtol=1e-13))  # pyright: ignore[reportArgumentType]
    return size * math.exp(-t / 2)
