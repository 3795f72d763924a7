"""Quantising anybody's trained model: curvature, codebooks, and what became of its losses."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.networks.comparison import RETURNS, Comparison, Function, check_pair, compare
from ratedist.networks.curvature import pytrees
from ratedist.networks.curvature.architectures import SamplingError
from ratedist.networks.importance import normalized_importance
from ratedist.networks.layers import measured
from ratedist.networks.pytrees import restored, split_arrays, with_arrays
from ratedist.tensors.tree import QuantizedTree, quantize_tree

# Mean curvature of an array is taken for this part of the largest array's if it is below.
LEAST_PROPORTION = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class QuantizedModel:
    """A quantised model beside what it was made from; ``print`` shows the table.

    Attributes:
        parameters: of the structure, shapes and dtypes of the model that was given, some arrays quantised.
        tree: their labels and codebooks.
        comparison: losses before and after.
        curvature: the diagonal that the importances were made of, in a tree like ``parameters``: to be
            handed over when the same model is quantised once more.
        curvature_errors: name of an array → what measuring its curvature on a random part of the training
            samples leaves open; empty if that was all of them, or if the curvature was given.
        curvature_samples: number of samples that it was measured on; 0 if it was given.
        entropy_ratio: labels at their entropy, and codebooks, over the size of the weights quantised.
        huffman_ratio: labels in Huffman code, and codebooks, over the same: Entropy 2021 eq. (39).
        file_ratio: bytes of the .rdz file over those of all arrays, quantised or not.
    """

    parameters: Any
    tree: QuantizedTree
    comparison: Comparison
    curvature: Any
    curvature_errors: dict[str, SamplingError]
    curvature_samples: int
    entropy_ratio: float
    huffman_ratio: float
    file_ratio: float

    def save(self, path: str | os.PathLike[str], coder: str = "huffman") -> int:
        """Write a .rdz file and return its size in bytes; ``ratedist.load_tree`` reads it."""
        return self.tree.save(path, coder)

    def __str__(self) -> str:
        tensors = self.tree.quantized.values()
        clusters = sorted({tensor.num_clusters for tensor in tensors})
        K = f"K = {clusters[0]}" if len(clusters) == 1 else f"K from {clusters[0]} to {clusters[-1]}"
        lines = [
            str(self.comparison),
            f"quantised: {sum(t.num_weights for t in tensors):,} weights in {len(tensors)} arrays, {K}",
            f"compression ratio: {self.entropy_ratio:.4f} by entropy, {self.huffman_ratio:.4f} in Huffman "
            f"code, of these weights; {self.file_ratio:.4f} of the bytes of all arrays as a file",
        ]
        if self.curvature_samples:
            line = f"curvature: measured on {self.curvature_samples:,} training samples"
            if self.curvature_errors:
                # NaN where an array's curvature is zero throughout.
                errors = [self.curvature_errors[name].mean for name in self.tree.quantized]
                worst = max((error for error in errors if error == error), default=0.0)
                line += f" drawn at random; relative standard error of an array's mean up to {worst:.1%}"
            lines.append(line)
        return "\n".join(lines)


def quantize(
    parameters: Any,
    function: Function,
    data: Any,
    num_clusters: int | None = None,
    *,
    returns: str = "logits",
    holdout: Any = None,
    test: Any = None,
    bits_per_weight: float | None = None,
    min_clusters: int | None = None,
    diameter_penalty: float = 0.0,
    relative_penalty: bool = False,
    block_length: int = 1,
    codebook_dtype: str | None = None,
    include: tuple[str, ...] = ("*",),
    exclude: tuple[str, ...] = (),
    min_size: int = 1024,
    curvature: Any = None,
    curvature_samples: int | None = 1_000,
    chunk: int = 8,
    progress: bool = False,
    seed: int | None = None,
    method: str | None = None,
) -> QuantizedModel:
    """Quantise a trained model of any library by Hessian-weighted K-means with a diameter penalty.

    Each array w gets a codebook of its own, that minimises ``Σ_j h_j |w_j − c|² + β·max_kl |c_k − c_l|²``
    (Entropy 2021 eqs. 34–35). The importances h are the diagonal of the Gauss–Newton matrix of the mean
    cross-entropy on the training samples, or the empirical Fisher diagonal where only a loss is given. ::

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
            for: PyTorch's are ``(outputs, inputs)``.
        data: the training samples, ``(inputs, labels)``.
        num_clusters: K, 16 if neither it nor a budget is given.
        returns: "logits"; or "loss", if ``function(parameters, data)`` is the loss of each sample, shape
            ``(batch,)``, and ``data`` any pytree of arrays with samples along the first axis.
        holdout: samples that the model was not trained on, on which temperatures are fitted.
        test: samples to be judged on besides.
        bits_per_weight: in place of K, a budget: the file that ``save`` writes (in Huffman code) takes at
            most so many bits for each weight of a quantised array, codebooks, counts and header included,
            beside the data of the other arrays. Arrays of much curvature get more clusters, up to 256.
        min_clusters: fewest clusters that a budget may give an array, 2 if not given.
        diameter_penalty: β, for importances of mean 1 in each array.
        relative_penalty: whether β is in units of the total importance of an array instead, Σh.
        block_length: m.
        codebook_dtype: "float32", "float16" or "bfloat16"; as the array if ``None``.
        include: patterns with ``*`` and ``?`` of the names of arrays to quantise, paths with dots.
        exclude: patterns of names to leave alone.
        min_size: arrays with fewer weights stay as they are.
        curvature: diagonal measured before, as in ``QuantizedModel.curvature``: it is not measured again.
        curvature_samples: size of the random part of ``data`` that it is measured on; ``None`` for all.
        chunk: samples at a time while it is measured; memory is needed for ``chunk × classes`` gradients.
            Where that is too much see ``ratedist.networks.curvature.pytrees``, option ``leaf_by_leaf``.
        progress: show a bar meanwhile.
        seed: of that random part, and of the random start where m > 1; 0 if not given.
        method: how ``ratedist.kmeans`` looks for the centres: "lloyd" (if not given), "optimal" or
            "algorithm1".

    Raises:
        ValueError: data of another form, nothing to quantise, a budget together with an absolute β, a seed
            where nothing is random, and as ``ratedist.quantize_tree``.
    """
    parameters = with_arrays(parameters)
    if _checks.one_of("returns", returns, RETURNS) == "logits":
        for name, samples in (("data", data), ("holdout", holdout), ("test", test)):
            if samples is not None:
                check_pair(name, samples)
    if bits_per_weight is not None and diameter_penalty > 0 and not relative_penalty:
        raise ValueError(
            "a diameter_penalty beside bits_per_weight must have relative_penalty=True: arrays that share a "
            "budget keep the proportions of their curvature, so that no array has importances of mean 1"
        )
    errors, size = {}, 0
    if seed is not None:
        _checks.seed(seed)
        pool = pytrees.num_samples(data[0] if returns == "logits" else data)
        if block_length == 1 and (curvature is not None or (curvature_samples or pool) >= pool):
            raise ValueError(
                "seed is for block_length above 1 and for curvature measured on a random part of the data: "
                "here nothing is random"
            )
    if curvature is None:
        curvature, errors, size = _measured_curvature(
            parameters, function, data, returns, curvature_samples, chunk, progress, seed or 0
        )
    importance = normalized_importance(curvature)
    tree = quantize_tree(
        parameters,
        num_clusters,
        bits_per_weight=bits_per_weight,
        importance=importance if bits_per_weight is None else _in_proportion(importance, curvature),
        diameter_penalty=diameter_penalty,
        relative_penalty=relative_penalty,
        block_length=block_length,
        codebook_dtype=codebook_dtype,
        include=include,
        exclude=exclude,
        min_size=min_size,
        seed=seed if block_length > 1 else None,
        method=method,
        min_clusters=min_clusters,
    )
    new = restored(tree, parameters)
    columns = ("original", "quantised")
    comparison = compare(function, parameters, new, data, holdout, test, returns=returns, columns=columns)
    ratios = {name: value for name, value in measured(tree).items() if name.endswith("_ratio")}
    return QuantizedModel(new, tree, comparison, curvature, errors, size, **ratios)


def _measured_curvature(
    parameters: Any,
    function: Function,
    data: Any,
    returns: str,
    size: int | None,
    chunk: int,
    progress: bool,
    seed: int,
) -> tuple[Any, dict[str, SamplingError], int]:
    samples = data[0] if returns == "logits" else data
    pool = pytrees.num_samples(samples)
    if size is not None and _checks.integer("curvature_samples", size, 2) < pool:
        found = pytrees.sample_diagonal(
            function,
            parameters,
            samples,
            size,
            jax.random.key(_checks.seed(seed)),
            returns=returns,
            chunk=chunk,
            progress=progress,
        )
        return found.diagonal, found.errors, size
    of_all = pytrees.gauss_newton_diagonal if returns == "logits" else pytrees.empirical_fisher_diagonal
    return of_all(function, parameters, samples, chunk=chunk, progress=progress), {}, pool


def _in_proportion(importance: Any, curvature: Any) -> Any:
    """Importances with the means of the curvature in place of 1, so that arrays can be weighed up.

    An array without any curvature gets a mean that matters to nobody but itself.
    """
    measured_ones, rebuild = split_arrays(curvature)
    h = split_arrays(importance)[0]
    means = {
        name: float(np.mean(leaf))
        for name, leaf in measured_ones.items()
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    }
    least = LEAST_PROPORTION * max(means.values()) or 1.0
    return rebuild({name: h[name] * max(mean, least) for name, mean in means.items()})
