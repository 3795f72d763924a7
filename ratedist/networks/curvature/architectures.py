"""Diagonals of curvature of a network's mean loss, exactly and layer by layer.

Write the loss of a sample as a function of the logits with Hessian ``BᵀB``. Up to the second derivatives of
the logits, the Hessian of the mean loss in the weights is the Gauss–Newton matrix ``mean_n JᵀBᵀBJ``, J the
derivative of the logits, and its diagonal is the mean over samples of ``Σ_r (BJ)_r²``: squares of gradients,
one for each row of B. Where activations are piecewise linear (ReLU, maxima), the logits are linear in any
one weight, so that this is the diagonal of the Hessian itself almost everywhere.
"""

from __future__ import annotations

import dataclasses
import math

import jax
import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.networks import losses
from ratedist.networks.architecture import Architecture, Parameters
from ratedist.networks.curvature.moments import Diagonal, checked_images, curvature_moments


@dataclasses.dataclass(frozen=True)
class SamplingError:
    """Relative standard error that a random subset of images leaves in one array of a diagonal.

    Attributes:
        mean: of the mean over the array.
        median: the median over its entries of their own relative standard errors, those that no image of
            the subset touches (diagonal 0) left out; NaN if that is all of them.
    """

    mean: float
    median: float


@dataclasses.dataclass(frozen=True, eq=False)
class SampledDiagonal:
    """A diagonal estimated on a random subset of images.

    Attributes:
        diagonal: ``{layer: {"weight", "bias"}}``, float64; unbiased for the diagonal over all images.
        standard_error: of each of its entries, in the same shape, from the variance between the images of
            the subset; 0 if the subset is everything.
        errors: ``{layer: {"weight", "bias"}}`` → ``SamplingError``.
        images: positions of the subset.
    """

    diagonal: Diagonal
    standard_error: Diagonal
    errors: dict[str, dict[str, SamplingError]]
    images: np.ndarray


def gauss_newton_diagonal(
    architecture: Architecture,
    parameters: Parameters,
    images: ArrayLike,
    *,
    chunk: int = 16,
    progress: bool = False,
) -> Diagonal:
    """Diagonal of the Gauss–Newton matrix of the mean cross-entropy: that of its Hessian, almost everywhere.

    Labels do not enter. Computed in the dtype of the parameters, summed over chunks in float64.

    Args:
        architecture: the layers of the network, an ``Architecture``.
        parameters: at which; no dropout.
        images: shape ``(images, *input_shape)``, scaled as for training.
        chunk: images at a time; changes rounding, time and memory only.
        progress: show a bar.

    Returns:
        h of each weight and bias, float64: ``{layer: {"weight", "bias"}}``, nats over squared weight.

    Raises:
        ValueError: images of another shape, parameters that are not those of the architecture.
    """
    labels = np.zeros(len(checked_images(architecture, images)), np.int32)
    return curvature_moments(
        losses.hessian_root, architecture, parameters, images, labels, chunk, progress
    ).diagonal


def empirical_fisher_diagonal(
    architecture: Architecture,
    parameters: Parameters,
    images: ArrayLike,
    labels: ArrayLike,
    *,
    chunk: int = 16,
    progress: bool = False,
) -> Diagonal:
    """Mean over samples of the squared gradient of the cross-entropy; see ``gauss_newton_diagonal``.

    The authors' released code calls it the gradient importance (there in batches of one, over its mean).
    """
    return curvature_moments(
        losses.gradient_root, architecture, parameters, images, labels, chunk, progress
    ).diagonal


def squared_loss_hessian_diagonal(
    architecture: Architecture,
    parameters: Parameters,
    images: ArrayLike,
    labels: ArrayLike,
    *,
    chunk: int = 16,
    progress: bool = False,
) -> Diagonal:
    """Hessian diagonal of the mean *squared* cross-entropy, the importance of the papers' released code.

    With ℓ_n the loss of a sample, g its gradient in the logits and J their derivative, the diagonal of
    ``mean_n Jᵀ[2gg'ᵀ + 2ℓ_n(diag p − ppᵀ)]J``: twice the empirical Fisher, plus twice the Gauss–Newton
    matrix with each sample weighted by its loss. A sample that is fitted perfectly adds nothing.

    The code (github.com/wgao9/weight-quant, ``get_hessian_importance`` in retrain.py) takes batches of one
    image of the model's own training set, squares the loss, leaves out the second derivatives of the logits
    as this does, and divides each layer by its mean: for that see ``normalized_importance``. The papers
    themselves have the Hessian of the loss, not of its square (Entropy 2021, eqs. 29–30): this is here so
    that runs of the code can be reproduced.
    """
    return curvature_moments(
        losses.squared_loss_root, architecture, parameters, images, labels, chunk, progress
    ).diagonal


def sample_gauss_newton_diagonal(
    architecture: Architecture,
    parameters: Parameters,
    images: ArrayLike,
    num_images: int,
    key: jax.Array,
    *,
    chunk: int = 16,
    progress: bool = False,
) -> SampledDiagonal:
    """``gauss_newton_diagonal`` over all images, estimated on a random subset, and the error that makes.

    The subset is drawn without replacement, so a standard error is ``√((1 − n/N) s²/n)``, with s² the
    variance between the n chosen of N images. In a network that fits its images a few of them carry most of
    the curvature: a subset without them has too small a diagonal *and* too small an error, so that the
    median over weights understates what is missed.

    Args:
        architecture: the layers of the network, an ``Architecture``.
        parameters: at which.
        images: all of them, shape ``(N, *input_shape)``.
        num_images: n, from 2 to N.
        key: JAX PRNG key, decides the subset.
        chunk: images at a time.
        progress: show a bar.

    Raises:
        ValueError: as ``gauss_newton_diagonal``; fewer than two images in the subset, or more than there are.
    """
    pool = len(checked_images(architecture, images))
    n = _checks.integer("num_images", num_images, 2)
    if n > pool:
        raise ValueError(f"num_images must be at most the {pool} images there are, got {n}")
    chosen = np.sort(np.asarray(jax.random.choice(key, pool, (n,), replace=False)))
    subset = np.asarray(images)[chosen]
    labels = np.zeros(n, np.int32)
    moments = curvature_moments(
        losses.hessian_root, architecture, parameters, subset, labels, chunk, progress
    )
    left = (1 - n / pool) / (n - 1)
    variances = jax.tree.map(lambda m, q: (q - m**2).clip(0), moments.diagonal, moments.squares)  # rounding
    standard_error = jax.tree.map(lambda variance: np.sqrt(left * variance), variances)
    errors = {
        layer: {
            name: sampling_error(diagonal, standard_error[layer][name], moments.totals[layer][name], left)
            for name, diagonal in arrays.items()
        }
        for layer, arrays in moments.diagonal.items()
    }
    return SampledDiagonal(moments.diagonal, standard_error, errors, chosen)


def sampling_error(
    diagonal: np.ndarray, standard_error: np.ndarray, totals: np.ndarray, left: float
) -> SamplingError:
    """Of one array, from its diagonal and standard errors and the sum over the array of each image's h.

    ``left`` is ``(1 − n/N) / (n − 1)`` for n of N images.
    """
    touched = diagonal > 0
    if not touched.any():
        return SamplingError(math.nan, math.nan)
    mean = math.sqrt(left * totals.var()) / totals.mean()
    return SamplingError(float(mean), float(np.median(standard_error[touched] / diagonal[touched])))
