"""Diagonals of curvature of any network: one name each, whatever the network is given as.

An :class:`~ratedist.networks.Architecture` goes to ``architectures``, faster by an order of magnitude, and
any function of any pytree of parameters (Flax, Equinox, Haiku, PyTorch's by hand) to ``pytrees``. The numbers
are the same.
"""

from __future__ import annotations

from typing import Any, overload

import jax
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.networks.architecture import Architecture, Parameters, logits_function
from ratedist.networks.curvature import architectures, checks, pytrees
from ratedist.networks.curvature.architectures import SampledDiagonal
from ratedist.networks.curvature.moments import Diagonal
from ratedist.networks.curvature.pytrees import SampledTree
from ratedist.networks.curvature.tree_moments import Outputs

# Samples at a time where the caller does not say: gradients of single layers, or of all the parameters.
CHUNK, TREE_CHUNK = 16, 8


@overload
def gauss_newton_diagonal(
    model: Architecture, parameters: Parameters, inputs: ArrayLike, *, chunk: int | None = None,
    leaf_by_leaf: bool = False, progress: bool = False,
) -> Diagonal: ...  # fmt: skip
@overload
def gauss_newton_diagonal(
    model: Outputs, parameters: Any, inputs: Any, *, chunk: int | None = None, leaf_by_leaf: bool = False,
    progress: bool = False,
) -> Any: ...  # fmt: skip
def gauss_newton_diagonal(
    model: Architecture | Outputs,
    parameters: Any,
    inputs: Any,
    *,
    chunk: int | None = None,
    leaf_by_leaf: bool = False,
    progress: bool = False,
) -> Any:
    """Diagonal of the Gauss–Newton matrix ``mean_n Jᵀ(diag p − ppᵀ)J`` of the mean cross-entropy.

    J is the derivative of the logits, p their softmax; labels do not enter. It is the diagonal of the
    Hessian, almost everywhere, for networks that are piecewise linear in each single weight, and never
    negative.

    Args:
        model: an ``Architecture``, or a function ``logits_fn(parameters, inputs)`` that returns logits of
            shape ``(batch, classes)`` and treats each sample by itself (no dropout, averages of normalisation
            fixed).
        parameters: the network's parameters. With a function any pytree: leaves that are no floating-point
            arrays are held fixed.
        inputs: samples along the first axis, as the network takes them. With a function also a pytree of
            arrays.
        chunk: samples at a time: changes rounding, time and memory, not the result. By default 16 for an
            ``Architecture``, 8 for a function, which needs memory for ``chunk × classes`` gradients.
        leaf_by_leaf: whether a function is differentiated in one leaf after the other. The gradients of the
            largest leaf alone then need memory, and there are as many passes as leaves.
        progress: show a progress bar.

    Returns:
        In the structure of ``parameters``, h of each weight in nats over squared weight, float64. Leaves that
        were held fixed are returned as they were.

    Raises:
        ValueError: no samples, arrays or logits of the wrong shape, fewer than two classes, NaN or masked
            entries, nothing to differentiate, a function that JAX cannot trace, ``leaf_by_leaf`` with an
            ``Architecture``, or a ``model`` that is neither.

    Warns:
        UserWarning: the diagonal is zero throughout.

    Example:
        >>> import jax, numpy as np
        >>> inputs = np.array([[1.0, 0.0], [0.0, 2.0]])
        >>> weights = np.zeros((2, 3))
        >>> gauss_newton_diagonal(lambda w, x: x @ w, weights, inputs).round(3)
        array([[0.111, 0.111, 0.111],
               [0.444, 0.444, 0.444]])
    """
    if isinstance(model, Architecture):
        options = _of_architecture(chunk, leaf_by_leaf, progress)
        return checks.warned_if_zero(
            architectures.gauss_newton_diagonal(model, parameters, inputs, **options)
        )
    options = _of_function(model, chunk, leaf_by_leaf, progress)
    return checks.warned_if_zero(pytrees.gauss_newton_diagonal(model, parameters, inputs, **options))


def squared_loss_hessian_diagonal(
    model: Architecture | Outputs,
    parameters: Any,
    inputs: Any,
    labels: ArrayLike,
    *,
    chunk: int | None = None,
    leaf_by_leaf: bool = False,
    progress: bool = False,
) -> Any:
    """Hessian diagonal of the mean *squared* cross-entropy, the importance of the papers' released code.

    ``mean_n Jᵀ[2gg'ᵀ + 2ℓ_n(diag p − ppᵀ)]J`` with ℓ_n the loss of a sample, g its gradient in the logits and
    J their derivative. The papers themselves have the Hessian of the loss, not of its square (Entropy 2021,
    eqs. 29–30). This one is here so that runs of their code can be reproduced; see
    :func:`ratedist.networks.curvature.architectures.squared_loss_hessian_diagonal`.

    Args:
        model: an ``Architecture``, or a function ``logits_fn(parameters, inputs)`` that returns logits of
            shape ``(batch, classes)`` and treats each sample by itself.
        parameters: the network's parameters; with a function any pytree.
        inputs: samples along the first axis, as the network takes them.
        labels: the class of each sample, integers of shape ``(samples,)``.
        chunk: samples at a time: changes rounding, time and memory, not the result. By default 16 for an
            ``Architecture``, 8 for a function.
        leaf_by_leaf: whether a function is differentiated in one leaf after the other: less memory, more
            passes.
        progress: show a progress bar.

    Returns:
        In the structure of ``parameters``, float64, in squared nats over squared weight.

    Raises:
        ValueError: as :func:`gauss_newton_diagonal`; labels that are no classes.

    Example:
        >>> import numpy as np
        >>> inputs, labels = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([0, 1])
        >>> squared_loss_hessian_diagonal(lambda w, x: x @ w, np.zeros((2, 3)), inputs, labels).round(3)
        array([[0.689, 0.355, 0.355],
               [1.421, 2.754, 1.421]])
    """
    if isinstance(model, Architecture):
        options = _of_architecture(chunk, leaf_by_leaf, progress)
        return checks.warned_if_zero(
            architectures.squared_loss_hessian_diagonal(model, parameters, inputs, labels, **options)
        )
    options = _of_function(model, chunk, leaf_by_leaf, progress)
    return checks.warned_if_zero(
        pytrees.squared_loss_hessian_diagonal(model, parameters, inputs, labels, **options)
    )


def empirical_fisher_diagonal(
    model: Architecture | Outputs,
    parameters: Any,
    samples: Any,
    labels: ArrayLike | None = None,
    *,
    chunk: int | None = None,
    leaf_by_leaf: bool = False,
    progress: bool = False,
) -> Any:
    """Mean over samples of the squared gradient of the loss, the released code's "gradient importance".

    Args:
        model: an ``Architecture``, whose loss is the cross-entropy, or a function ``loss_fn(parameters,
            samples)`` that returns any loss of each sample, shape ``(batch,)``. It is the *loss* here, not
            the logits.
        parameters: the network's parameters; with a function any pytree.
        samples: inputs along the first axis. With a function whatever it takes, such as ``(inputs, labels)``.
        labels: the class of each input, integers of shape ``(samples,)``: needed for an ``Architecture``, and
            not to be given beside a function, whose ``samples`` have them.
        chunk: samples at a time: changes rounding, time and memory, not the result. By default 16 for an
            ``Architecture``, 8 for a function.
        leaf_by_leaf: whether a function is differentiated in one leaf after the other: less memory, more
            passes.
        progress: show a progress bar.

    Returns:
        In the structure of ``parameters``, float64, in squared units of the loss over squared weight.

    Raises:
        ValueError: as :func:`gauss_newton_diagonal`; labels that are missing or too many.

    Example:
        >>> import numpy as np
        >>> x, y = np.array([1.0, 2.0]), np.array([1.0, 0.0])
        >>> loss_fn = lambda slope, samples: (slope * samples[0] - samples[1]) ** 2
        >>> float(empirical_fisher_diagonal(loss_fn, np.array(2.0), (x, y)))
        130.0
    """
    if isinstance(model, Architecture):
        if labels is None:
            raise ValueError("labels must be given with an Architecture: its loss is the cross-entropy")
        options = _of_architecture(chunk, leaf_by_leaf, progress)
        return checks.warned_if_zero(
            architectures.empirical_fisher_diagonal(model, parameters, samples, labels, **options)
        )
    if labels is not None:
        raise ValueError(
            "labels are not for a function: give loss_fn samples that have them, (inputs, labels)"
        )
    options = _of_function(model, chunk, leaf_by_leaf, progress)
    return checks.warned_if_zero(pytrees.empirical_fisher_diagonal(model, parameters, samples, **options))


@overload
def sample_gauss_newton_diagonal(
    model: Architecture, parameters: Parameters, inputs: ArrayLike, num_samples: int, key: jax.Array, *,
    chunk: int | None = None, leaf_by_leaf: bool = False, progress: bool = False,
) -> SampledDiagonal: ...  # fmt: skip
@overload
def sample_gauss_newton_diagonal(
    model: Outputs, parameters: Any, inputs: Any, num_samples: int, key: jax.Array, *,
    chunk: int | None = None, leaf_by_leaf: bool = False, progress: bool = False,
) -> SampledTree: ...  # fmt: skip
def sample_gauss_newton_diagonal(
    model: Architecture | Outputs,
    parameters: Any,
    inputs: Any,
    num_samples: int,
    key: jax.Array,
    *,
    chunk: int | None = None,
    leaf_by_leaf: bool = False,
    progress: bool = False,
) -> SampledDiagonal | SampledTree:
    """:func:`gauss_newton_diagonal` over all samples, estimated on a random subset, and the error that makes.

    The subset is drawn without replacement. In a network that fits its samples a few of them carry most of
    the curvature. A subset without them has too small a diagonal *and* too small an error.

    Args:
        model: an ``Architecture``, or a function ``logits_fn(parameters, inputs)`` that returns logits of
            shape ``(batch, classes)`` and treats each sample by itself.
        parameters: the network's parameters; with a function any pytree.
        inputs: all samples, along the first axis.
        num_samples: size of the subset, from 2 to all of them.
        key: JAX PRNG key that decides the subset.
        chunk: samples at a time: changes rounding, time and memory, not the result. By default 16 for an
            ``Architecture``, 8 for a function.
        leaf_by_leaf: whether a function is differentiated in one leaf after the other: less memory, more
            passes.
        progress: show a progress bar.

    Returns:
        A record with ``diagonal`` in the structure of ``parameters`` and relative ``errors``. These are by
        layer for an ``Architecture``, with the standard error of each entry, and by name of leaf for a
        function.

    Raises:
        ValueError: as :func:`gauss_newton_diagonal`; a subset of fewer than two samples, or more than there
            are.

    Example:
        >>> import jax, numpy as np
        >>> inputs = np.array([[1.0, 0.0], [0.0, 2.0]])
        >>> found = sample_gauss_newton_diagonal(
        ...     lambda w, x: x @ w["layer"], {"layer": np.zeros((2, 3))}, inputs, 2, jax.random.key(0)
        ... )
        >>> found.diagonal["layer"].round(3)[0], found.errors["layer"].mean
        (array([0.111, 0.111, 0.111]), 0.0)
    """
    _checks.random_key(key)
    if isinstance(model, Architecture):
        options = _of_architecture(chunk, leaf_by_leaf, progress)
        found = architectures.sample_gauss_newton_diagonal(
            model, parameters, inputs, num_samples, key, **options
        )
    else:
        options = _of_function(model, chunk, leaf_by_leaf, progress)
        found = pytrees.sample_diagonal(model, parameters, inputs, num_samples, key, **options)
    checks.warned_if_zero(found.diagonal)
    return found


def _of_architecture(chunk: int | None, leaf_by_leaf: bool, progress: bool) -> dict[str, Any]:
    if leaf_by_leaf:
        raise ValueError("leaf_by_leaf is for functions: an Architecture goes layer by layer as it is")
    return {"chunk": CHUNK if chunk is None else chunk, "progress": progress}


def _of_function(model: object, chunk: int | None, leaf_by_leaf: bool, progress: bool) -> dict[str, Any]:
    logits_function("model", model)
    return {
        "chunk": TREE_CHUNK if chunk is None else chunk,
        "leaf_by_leaf": leaf_by_leaf,
        "progress": progress,
    }
