"""One network at every point of an experiment: what was finished before is read, the rest computed."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ratedist.container import QuantizedTensor
from ratedist.experiments.finished_points import FinishedPoints, parameters_digest
from ratedist.experiments.network_config import NetworkConfig, Point
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.networks.assessment import Splits, assess
from ratedist.networks.controls import clip_weights, scale_last_layer, weight_ranges
from ratedist.networks.curvature.architectures import gauss_newton_diagonal, sample_gauss_newton_diagonal
from ratedist.networks.data import ImageData
from ratedist.networks.ensemble import EnsembleConfig, Member
from ratedist.networks.importance import normalized_importance
from ratedist.networks.parameter_files import save_parameters
from ratedist.networks.scaling import fit_last_layer_factor
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.leaves import named_leaves
from ratedist.tensors.tree import QuantizedTree, leaves_to_quantize, quantize_leaves

# To be raised whenever a point would come out otherwise: rows of two versions are never mixed.
FORMAT = 3


# What is timed; an assessment is made once for each point.
WORK = ("training", "curvature", "quantization", "assessment")


def assess_points(
    config: NetworkConfig,
    ensemble: EnsembleConfig,
    data: ImageData,
    member: Member,
    folder: Path | None,
    stopwatch: Stopwatch,
) -> list[dict[str, Any]]:
    """One row per point for one network, in the order of ``config.points()``.

    Args:
        config: of the experiment.
        ensemble: what the network was trained by.
        data: its images.
        member: the network.
        folder: where finished points are kept, from which an interrupted run goes on; ``None`` for nowhere.
        stopwatch: of ``WORK``, is added to.

    Returns:
        Per point its fields, the numbers of ``assess``, and under ``diagrams`` count, confidence and accuracy
        of each bin of the reliability diagrams.
    """
    cache = finished_points(config, data, member, folder)
    missing = [point for point in config.points() if point not in cache]
    if missing:
        worker = _Worker(config, ensemble, data, member, stopwatch, folder)
        for point in missing:
            cache[point] = worker.row(point)
    return [{"model": member.index, **dataclasses.asdict(p), **cache[p]} for p in config.points()]


def finished_points(
    config: NetworkConfig, data: ImageData, member: Member, folder: Path | None
) -> FinishedPoints:
    """What is finished of one network, or nothing."""
    identity = {
        "format": FORMAT,
        "biases": config.biases,
        "curvature_images": config.curvature_images,
        "train_images": config.train_images,
        "seed": config.seed,
        "data": data.digest,
        "parameters": parameters_digest(member.parameters),
    }
    path = None if folder is None else folder / f"{config.data}-{member.index:03d}-rows.journal"
    return FinishedPoints(path, identity)


class _Worker:
    """A network with its images and its importances, which all points share."""

    def __init__(
        self,
        config: NetworkConfig,
        ensemble: EnsembleConfig,
        data: ImageData,
        member: Member,
        stopwatch: Stopwatch,
        folder: Path | None,
    ) -> None:
        self._config, self._architecture, self._member = config, ensemble.architecture, member
        self._stopwatch, self._folder = stopwatch, folder

        def images(pixels: np.ndarray) -> np.ndarray:
            return data.scaled(pixels).reshape(-1, *ensemble.architecture.input_shape)

        # In an order that is random already.
        judged = member.train_rows[: config.train_images or None]
        self._splits = Splits(
            (images(data.train_images[judged]), data.train_labels[judged]),
            (images(data.train_images[member.holdout_rows]), data.train_labels[member.holdout_rows]),
            (images(data.test_images), data.test_labels),
        )
        with stopwatch.during("curvature"):
            self._importance = self._curvature(images(data.train_images[member.train_rows]))

    def row(self, point: Point) -> dict[str, Any]:
        """Numbers of one point."""
        parameters, extra = self._changed(point)
        with self._stopwatch.during("assessment"):
            numbers = assess(self._architecture, parameters, self._splits)
        diagrams = {
            name: [values.tolist() for values in (bins.count, bins.confidence, bins.accuracy)]
            for name, bins in numbers.pop("diagrams").items()
        }
        return numbers | extra | {"diagrams": diagrams}

    def _changed(self, point: Point) -> tuple[Any, dict[str, float]]:
        original = self._member.parameters
        if point.compressor == "original":
            return original, {"curvature_error": self._curvature_error}
        if point.compressor == "last_layer_scaled":
            factor = fit_last_layer_factor(self._architecture, original, self._splits.holdout)
            return scale_last_layer(self._architecture, original, factor, bias=False), {"factor": factor}
        with self._stopwatch.during("quantization"):
            tree = self._tree(point, point.diameter_penalty)
            compressed = tree.reconstruction()
        if point.compressor == "clipped":
            return clip_weights(original, weight_ranges(compressed)), {}
        if point.compressor in ("last_layer_penalised", "other_layers_penalised"):
            without = self._tree(point, 0.0).reconstruction()
            last = self._architecture.layers[-1].name
            inside, outside = (compressed, without) if "last" in point.compressor else (without, compressed)
            return {**outside, last: inside[last]}, {}
        return compressed, _measured(tree)

    def _tree(self, point: Point, diameter_penalty: float) -> QuantizedTree[QuantizedTensor]:
        relative = point.compressor == "hessian_weighted_relative"
        config = QuantizationConfig(
            num_clusters=point.num_clusters,
            diameter_penalty=diameter_penalty,
            relative_penalty=relative and diameter_penalty > 0,  # zero is zero in any unit
            block_length=point.block_length,
            include=() if self._config.biases else ("*.weight",),
            min_size=1,
        )
        importance = None if point.compressor == "kmeans" else self._importance
        with warnings.catch_warnings():
            # What few clusters lose is what the experiment is about, and in its tables.
            warnings.filterwarnings("ignore", "far outliers or mask values hide")
            leaves, structure = named_leaves(self._member.parameters)
            h = None if importance is None else named_leaves(importance)[0]
            # Without the limits, which no table of the experiment has.
            return quantize_leaves(leaves, structure, leaves_to_quantize(leaves, config), config, h)

    def _curvature(self, images: np.ndarray) -> Any:
        """Normalised curvature, on the images the network was trained on or a random part of them.

        The error that the part makes, ``curvature_error`` in the row of the original network, is the relative
        standard error of a median weight of the layer where that is largest.
        """
        config = self._config
        parameters = self._member.parameters
        if 0 < config.curvature_images < len(images):
            key = jax.random.fold_in(jax.random.fold_in(jax.random.key(config.seed), 1), self._member.index)
            sample = sample_gauss_newton_diagonal(
                self._architecture, parameters, images, config.curvature_images, key
            )
            diagonal = sample.diagonal
            self._curvature_error = max(errors["weight"].median for errors in sample.errors.values())
        else:
            diagonal, self._curvature_error = (
                gauss_newton_diagonal(self._architecture, parameters, images),
                0.0,
            )
        importance = normalized_importance(diagonal)
        if self._folder is not None:  # for `ratedist quantize NETWORK --importance FILE`
            path = self._folder / f"{config.data}-{self._member.index:03d}-importance.safetensors"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_parameters(path, jax.tree.map(np.float32, importance))
        return importance


def _measured(tree: QuantizedTree[QuantizedTensor]) -> dict[str, float]:
    """The columns of a compressed network: three ratios, distortion of all layers, the largest diameter."""
    return {
        "entropy_ratio": tree.entropy_ratio,
        "huffman_ratio": tree.huffman_ratio,
        "file_ratio": tree.file_ratio,
        "distortion": sum(tensor.distortion * tensor.num_weights for tensor in tree.quantized.values()),
        "largest_diameter": max(tensor.diameter for tensor in tree.quantized.values()),
    }
