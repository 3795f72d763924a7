"""Training the centres of a quantised model, every weight staying in its cluster."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ratedist import _checks
from ratedist.container import QuantizedTensor
from ratedist.networks.architecture import Architecture, logits_function
from ratedist.networks.comparison import RETURNS, Function, check_pair, compare
from ratedist.networks.curvature.tree_moments import num_samples
from ratedist.networks.losses import cross_entropy
from ratedist.networks.pytrees import restored, split_arrays, take
from ratedist.networks.quantization import QuantizedModel

OPTIMIZERS = {"adam": optax.adam, "sgd": optax.sgd}

Codebooks = dict[str, jax.Array]


def fine_tune_centers(
    model: QuantizedModel,
    function: Function | Architecture,
    data: Any,
    *,
    returns: str = "logits",
    holdout: Any = None,
    test: Any = None,
    optimizer: str = "adam",
    learning_rate: float = 1e-3,
    epochs: int = 5,
    batch_size: int = 64,
    seed: int = 0,
) -> QuantizedModel:
    """Lower the training loss of a quantised model by gradient descent on its codebooks alone.

    Labels do not change, and neither do the sizes that follow from them. A centre moves all its weights: its
    gradient is the sum of theirs, ``∂L/∂c_k = Σ_{j∈C_k} ∂L/∂w_j``.

    Args:
        model: a quantised model, as ``rd.networks.quantize`` returns it.
        function: ``function(parameters, inputs)``, logits of shape ``(batch, classes)``; or, where
            ``returns="loss"``, ``function(parameters, samples)``, the loss of each sample. An
            ``Architecture`` stands for its logits.
        data: the training samples, ``(inputs, labels)``, never test samples; for a loss any pytree of arrays
            with samples along the first axis.
        returns: "logits" or "loss", what ``function`` returns.
        holdout: samples that the model was not trained on, of the form of ``data``, on which temperatures are
            fitted.
        test: samples of the form of ``data`` to be judged on besides.
        optimizer: "adam", or "sgd", whose steps grow with the number of weights of a cluster.
        learning_rate: of the optimiser, above zero.
        epochs: passes over the training samples, in a new order each.
        batch_size: training samples a step; what does not fill a batch is left out of an epoch.
        seed: of the orders in which the training samples are taken.

    Returns:
        The model with other centres, and what that changed in its ``comparison``: "quantised" against
        "fine-tuned". Its distortion against the original weights is not known any more.

    Raises:
        ValueError: data of another form, numbers out of range, centres that diverge.

    Source: Han et al., "Deep Compression", ICLR 2016, Section 3.
    """
    function = logits_function("function", function)
    if _checks.one_of("returns", returns, RETURNS) == "logits":
        check_pair("data", data)
    rule = OPTIMIZERS[_checks.one_of("optimizer", optimizer, tuple(OPTIMIZERS))]
    rule = rule(_checks.positive_number("learning_rate", learning_rate))
    length = num_samples(data)
    size = min(_checks.integer("batch_size", batch_size, 1), length)
    rng = np.random.default_rng(_checks.seed(seed))
    tensors = model.tree.quantized
    others = [name for name, tensor in tensors.items() if not isinstance(tensor, QuantizedTensor)]
    if others:
        raise ValueError(
            f"model must be quantised without rank and prune for its centres to be trained, {others[0]!r} is "
            f"a {type(tensors[others[0]]).__name__}"
        )
    arrays, rebuild = split_arrays(model.parameters)
    fixed = {name: leaf for name, leaf in arrays.items() if name not in tensors}
    labels = {name: jnp.asarray(tensor.labels) for name, tensor in tensors.items()}

    @jax.jit
    def step(codebooks: Codebooks, state: Any, fixed: Any, labels: Any, batch: Any) -> tuple[Codebooks, Any]:
        def loss(codebooks: Codebooks) -> jax.Array:
            weights = {name: _gather(tensors[name], codebooks[name], labels[name]) for name in tensors}
            parameters = rebuild(fixed | weights)
            if returns == "loss":
                return function(parameters, batch).mean()
            return cross_entropy(function(parameters, batch[0]), batch[1]).mean()

        updates, state = rule.update(jax.grad(loss)(codebooks), state, codebooks)
        return {name: codebooks[name] + updates[name] for name in codebooks}, state

    codebooks = {name: jnp.asarray(tensor.codebook, jnp.float32) for name, tensor in tensors.items()}
    state = rule.init(codebooks)
    for _ in range(_checks.integer("epochs", epochs, 0)):
        order = rng.permutation(length)
        for start in range(0, length - size + 1, size):
            batch = take(data, order[start : start + size])
            codebooks, state = step(codebooks, state, fixed, labels, batch)
    tuned = {name: _with_codebook(name, tensors[name], np.asarray(codebooks[name])) for name in tensors}
    tree = dataclasses.replace(model.tree, quantized=tuned)
    new = restored(tree, arrays)
    comparison = compare(
        function,
        model.parameters,
        new,
        data,
        holdout,
        test,
        returns=returns,
        columns=("quantised", "fine-tuned"),
    )
    return dataclasses.replace(model, parameters=new, tree=tree, comparison=comparison)


def _gather(tensor: QuantizedTensor, codebook: jax.Array, labels: jax.Array) -> jax.Array:
    """ŵ as a function of its codebook."""
    flat = codebook.astype(tensor.dtype)[labels].reshape(-1)
    return flat[: tensor.num_weights].reshape(tensor.shape)


def _with_codebook(name: str, tensor: QuantizedTensor, codebook: np.ndarray) -> QuantizedTensor:
    """The tensor with other centres, rounded to the dtype of its codebook."""
    with np.errstate(over="ignore"):
        rounded = codebook.astype(tensor.codebook.dtype)
    if not np.isfinite(rounded.astype(np.float64)).all():
        raise ValueError(f"the centres of {name!r} diverged: try a smaller learning_rate")
    return dataclasses.replace(tensor, codebook=rounded, distortion=float("nan"))
