"""Quantising anybody's trained model: curvature, codebooks, and what became of its losses."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from ratedist import _checks
from ratedist.networks.architecture import Architecture, logits_function
from ratedist.networks.comparison import RETURNS, Comparison, Function, check_pair, compare
from ratedist.networks.curvature import pytrees
from ratedist.networks.curvature.architectures import SamplingError
from ratedist.networks.curvature.tree_moments import num_samples
from ratedist.networks.feedback import check_feedback_options, quantize_with_inputs
from ratedist.networks.importance import in_proportion, normalized
from ratedist.networks.layer_inputs import layer_inputs
from ratedist.networks.pytrees import restored
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.leaves import named_leaves
from ratedist.tensors.limit import with_limits
from ratedist.tensors.model_checks import listed
from ratedist.tensors.tree import (
    QuantizedTree,
    leaves_to_quantize,
    not_finite_leaves,
    quantize_leaves,
    without_not_finite,
)


@dataclasses.dataclass(frozen=True, eq=False)
class QuantizedModel:
    """A quantised model beside what it was made from; ``print`` shows the table.

    Attributes:
        parameters: of the structure, shapes and dtypes of the model that was given, some arrays quantised.
        tree: their labels and codebooks, factors, or zeros.
        comparison: losses before and after.
        curvature: the diagonal that the importances were made of, in a tree like ``parameters``: to be
            handed over when the same model is quantised once more.
        curvature_errors: name of an array → what measuring its curvature on a random part of the training
            samples leaves open. Empty if all samples were taken, or if the curvature was given.
        curvature_samples: number of samples that the curvature was measured on; 0 if it was given.
        entropy_ratio: labels at their entropy, and codebooks, over the size of the weights quantised.
        huffman_ratio: labels in Huffman code, and codebooks, over the size of the weights quantised: the
            papers' compression ratio, Entropy 2021 eq. (39).
        file_ratio: bytes of the .rdz file over those of all arrays, quantised or not.
        fed_back: names of the arrays rounded with feedback; ``None`` where it was not asked for.
    """

    parameters: Any
    tree: QuantizedTree[Any]
    comparison: Comparison
    curvature: Any
    curvature_errors: dict[str, SamplingError]
    curvature_samples: int
    entropy_ratio: float
    huffman_ratio: float
    file_ratio: float
    fed_back: tuple[str, ...] | None = None

    def save(self, path: str | os.PathLike[str], coder: str | None = None) -> int:
        """Write a .rdz file and return its size in bytes; ``ratedist.load_tree`` reads it.

        Args:
            path: the file.
            coder: "huffman" or "ans"; ``None`` for that of the options it was quantised with.
        """
        return self.tree.save(path, coder)

    def __str__(self) -> str:
        tensors = self.tree.quantized.values()
        clusters = sorted({tensor.num_clusters for tensor in tensors})
        K = f"K = {clusters[0]}" if len(clusters) == 1 else f"K from {clusters[0]} to {clusters[-1]}"
        lines = [
            str(self.comparison),
            f"quantised: {sum(t.num_weights for t in tensors):,} weights in {len(tensors)} arrays, {K}",
            f"size after over size before: {self.entropy_ratio:.4f} by entropy, {self.huffman_ratio:.4f} in "
            f"Huffman code, of these weights; {self.file_ratio:.4f} as a file, of all arrays",
        ]
        if self.curvature_samples:
            line = f"curvature: measured on {self.curvature_samples:,} training samples"
            if self.curvature_errors:
                # NaN where an array's curvature is zero throughout.
                errors = [self.curvature_errors[name].mean for name in self.tree.quantized]
                worst = max((error for error in errors if error == error), default=0.0)
                line += f" drawn at random; relative standard error of an array's mean up to {worst:.1%}"
            lines.append(line)
        if self.fed_back is not None:
            plain = [name for name in self.tree.quantized if name not in self.fed_back]
            line = f"feedback: through the inputs of {len(self.fed_back)} arrays"
            lines.append(line + (f"; without it: {', '.join(plain)}" if plain else ""))
        return "\n".join(lines)


def quantize(
    parameters: Any,
    function: Function | Architecture,
    data: Any,
    config: QuantizationConfig | int | None = None,
    *,
    returns: str = "logits",
    holdout: Any = None,
    test: Any = None,
    curvature: Any = None,
    curvature_samples: int | None = 1_000,
    chunk: int = 8,
    progress: bool = False,
    feedback: bool = False,
) -> QuantizedModel:
    """Quantise a trained model of any library by Hessian-weighted K-means with a diameter penalty.

    Each array w gets a codebook of its own, that minimises ``Σ_j h_j |w_j − c|² + β·max_kl |c_k − c_l|²``
    (Entropy 2021 eqs. 34–35). The importances h are the diagonal of the Gauss–Newton matrix of the mean
    cross-entropy on the training samples. Where only a loss is given they are the empirical Fisher diagonal.
    They have mean 1 in each array, and β is in these units.

    With ``feedback`` levels are at equal distances instead. The error of each weight is made up for by the
    weights of the inputs after it: ``rd.quantizers.quantize_with_feedback``. ::

        import functools, jax, ratedist as rd

        data, network = rd.networks.load("digits"), rd.networks.mlp(64, (32,), 10)
        images = data.scaled(data.train_images).reshape(-1, 64)
        train, holdout = ((images[rows], data.train_labels[rows]) for rows in (slice(900), slice(900, 1297)))
        recipe = rd.networks.Recipe(epochs=5)
        parameters = rd.networks.train(network, recipe, *train, jax.random.key(0))  # or a model of yours
        logits_fn = functools.partial(rd.networks.logits, network)
        result = rd.networks.quantize(parameters, logits_fn, train, 4, holdout=holdout, curvature_samples=100)
        print(result)
        result.save("digits.rdz")

    Args:
        parameters: any pytree: dicts (Flax, Haiku, the ``state_dict()`` of a PyTorch module or one read by
            ``safetensors.numpy.load_file``), an Equinox module. Leaves that are no arrays are kept, PyTorch's
            tensors become NumPy arrays.
        function: ``function(parameters, inputs)``, logits of shape ``(batch, classes)``; each sample is
            treated by itself (no dropout, normalisation by running averages). Weights are what it takes them
            for: PyTorch's are ``(outputs, inputs)``. An ``Architecture`` stands for its logits.
        data: the training samples, ``(inputs, labels)``.
        config: the options, ``rd.QuantizationConfig(...)``; an integer is short for one with that number of
            clusters, ``None`` for one of 16. Within a budget arrays keep the proportions of their curvature,
            so that those of much curvature get more clusters. Its ``seed`` draws the random part of ``data``
            too.
        returns: "logits"; or "loss", if ``function(parameters, data)`` is the loss of each sample, shape
            ``(batch,)``, and ``data`` any pytree of arrays with samples along the first axis.
        holdout: samples that the model was not trained on, on which temperatures are fitted.
        test: samples to be judged on besides.
        curvature: diagonal measured before, as in ``QuantizedModel.curvature``: it is not measured again.
        curvature_samples: size of the random part of ``data`` that the curvature is measured on; ``None`` for
            all.
        chunk: samples at a time while the curvature is measured; memory is needed for ``chunk × classes``
            gradients. Where that is too much see ``ratedist.networks.curvature.pytrees``, option
            ``leaf_by_leaf``.
        progress: show a bar while the curvature is measured.
        feedback: round each layer for the sake of its outputs, through the second moments of its inputs over
            all of ``data``. K is then the number of levels at equal distances; a budget decides on the steps,
            with at most 1024 levels an array. Curvature says how layers weigh against each other. Layers are
            products of matrices and convolutions, found by tracing ``function``. Other arrays, such as
            biases, are rounded to their nearest levels.

    Raises:
        ValueError: data of another form, nothing to quantise, options that ``feedback`` has no use for, a
            budget together with an absolute β, a seed where nothing is random, a curvature of another
            structure, and as ``ratedist.quantize_tree``.

    Warns:
        UserWarning: as ``ratedist.quantize_tree``; arrays with NaN or infinite weights stay as they are, and
            have no curvature.
    """
    function = logits_function("function", function)
    if _checks.one_of("returns", returns, RETURNS) == "logits":
        for name, samples in (("data", data), ("holdout", holdout), ("test", test)):
            if samples is not None:
                check_pair(name, samples)
    samples = data[0] if returns == "logits" else data
    size = 0 if curvature is not None else num_samples(samples)
    if curvature is None and curvature_samples is not None:
        size = min(size, _checks.integer("curvature_samples", curvature_samples, 2))
    config = QuantizationConfig.from_short(config)
    if not isinstance(feedback, _checks.BOOLEANS):
        raise ValueError(f"feedback must be True or False, got {feedback!r:.80}")
    if feedback:
        check_feedback_options(config)
    seed, config = _seed_and_checked(config, 0 < size < num_samples(samples))
    # Once: from here on arrays go by their names.
    leaves, structure = named_leaves(parameters)
    chosen = without_not_finite(leaves, leaves_to_quantize(leaves, config))
    before = jax.tree.unflatten(structure, list(leaves.values()))
    errors = {}
    finite, held = parameters, function
    if curvature is None or feedback:
        finite, held = _finite_part(leaves, structure, function, samples)
    if curvature is None:
        curvature, errors = _measured_curvature(finite, held, samples, returns, size, chunk, progress, seed)
    diagonal, other = named_leaves(curvature)
    if diagonal.keys() != leaves.keys():
        raise ValueError(f"curvature must have the structure of parameters, {structure}, got {other}")
    importance = normalized(diagonal)
    if config.bits_per_weight is not None or config.rank_budget is not None:
        importance = in_proportion(importance, diagonal, leaves)
    fed_back = None
    if feedback:
        inputs = layer_inputs(held, finite, samples, progress=progress)
        tree = quantize_with_inputs(leaves, structure, chosen, config, inputs, importance)
        fed_back = tuple(name for name in chosen if name in inputs)
    else:
        tree = quantize_leaves(leaves, structure, chosen, config, importance)
    tree = dataclasses.replace(tree, quantized=with_limits(tree.quantized, leaves, importance))
    after = restored(tree, leaves)
    columns = ("original", "quantised")
    comparison = compare(function, before, after, data, holdout, test, returns=returns, columns=columns)
    return QuantizedModel(
        after,
        tree,
        comparison,
        curvature,
        errors,
        size,
        tree.entropy_ratio,
        tree.huffman_ratio,
        tree.file_ratio,
        fed_back,
    )


def _seed_and_checked(config: QuantizationConfig, part_is_drawn: bool) -> tuple[int, QuantizationConfig]:
    """The seed, and the options as quantisers take them: without a seed that only the curvature needs."""
    seed = config.seed
    config = dataclasses.replace(config, seed=None)
    config.check()
    if seed is not None and config.key is not None:
        config = dataclasses.replace(config, seed=_checks.seed(seed))
    if config.bits_per_weight is not None and config.diameter_penalty > 0 and not config.relative_penalty:
        raise ValueError(
            "a diameter_penalty beside bits_per_weight must have relative_penalty=True: arrays that share a "
            "budget keep the proportions of their curvature, so that no array has importances of mean 1"
        )
    if seed is not None and config.seed is None and not part_is_drawn:
        raise ValueError(
            'seed is for block_length above 1, for a method with init "random" or "kmeans++" and for '
            "curvature measured on a random part of the data: here nothing is random"
        )
    return 0 if seed is None else _checks.seed(seed), config


def _finite_part(
    leaves: Mapping[str, Any], structure: Any, function: Function, samples: Any
) -> tuple[Any, Function]:
    """The parameters with zeros for arrays that are not finite, and the function that puts these back."""
    parameters = jax.tree.unflatten(structure, list(leaves.values()))
    held = {name: leaves[name] for name in not_finite_leaves(leaves)}
    if not held:
        return parameters, function
    few = jax.tree.map(lambda samples: np.asarray(samples)[:2], samples)
    if not np.isfinite(np.asarray(function(parameters, few))).all():
        raise ValueError(
            f"{listed(list(held))} not finite, and so is what function returns of the first samples: mend "
            "what it reads of them; only a mask of −∞ may stay"
        )

    def restoring(parameters: Any, samples: Any) -> Any:
        given = dict(zip(leaves, structure.flatten_up_to(parameters), strict=True))
        return function(jax.tree.unflatten(structure, list((given | held).values())), samples)

    finite = {name: np.zeros_like(leaf) if name in held else leaf for name, leaf in leaves.items()}
    return jax.tree.unflatten(structure, list(finite.values())), restoring


def _measured_curvature(
    parameters: Any,
    function: Function,
    samples: Any,
    returns: str,
    size: int,
    chunk: int,
    progress: bool,
    seed: int,
) -> tuple[Any, dict[str, SamplingError]]:
    """The diagonal on so many of the samples, and what leaving out the rest leaves open."""
    if size < num_samples(samples):
        found = pytrees.sample_diagonal(
            function,
            parameters,
            samples,
            size,
            jax.random.key(seed),
            returns=returns,
            chunk=chunk,
            progress=progress,
        )
        return found.diagonal, found.errors
    of_all = pytrees.gauss_newton_diagonal if returns == "logits" else pytrees.empirical_fisher_diagonal
    return of_all(function, parameters, samples, chunk=chunk, progress=progress), {}
