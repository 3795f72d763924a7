"""One network at every point of an experiment: what was finished before is read, the rest computed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ratedist.experiments.network_config import NetworkConfig, Point
from ratedist.files import write_together
from ratedist.networks.assessment import Splits, assess
from ratedist.networks.controls import clip_weights, scale_last_layer, weight_ranges
from ratedist.networks.curvature import gauss_newton_diagonal
from ratedist.networks.data import ImageData
from ratedist.networks.ensemble import EnsembleConfig, Member
from ratedist.networks.importance import normalized_importance
from ratedist.networks.layers import compress_network, measured
from ratedist.networks.scaling import fit_last_layer_factor

FORMAT = 1


@dataclasses.dataclass
class Stopwatch:
    """Seconds spent on each kind of work."""

    training: float = 0.0
    curvature: float = 0.0
    quantization: float = 0.0
    assessment: float = 0.0

    def spent(self, kind: str, since: float) -> None:
        """Add the time since ``since``, a ``time.perf_counter()``."""
        setattr(self, kind, getattr(self, kind) + time.perf_counter() - since)


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
        stopwatch: is added to.

    Returns:
        Per point its fields, the numbers of ``assess``, and under ``diagrams`` count, confidence and accuracy
        of each bin of the reliability diagrams.
    """
    cache = _Cache(config, member, folder)
    missing = [point for point in config.points() if point not in cache]
    if missing:
        worker = _Worker(config, ensemble, data, member, stopwatch)
        for point in missing:
            cache[point] = worker.row(point)
    return [{"model": member.index, **dataclasses.asdict(p), **cache[p]} for p in config.points()]


class _Cache:
    """Rows of one network by point; written after each new one."""

    def __init__(self, config: NetworkConfig, member: Member, folder: Path | None) -> None:
        self._identity = {
            "format": FORMAT,
            "biases": config.biases,
            "curvature_images": config.curvature_images,
            "seed": config.seed,
            "parameters": _digest(member.parameters),
        }
        self._path = None if folder is None else folder / f"{config.data}-{member.index:03d}-rows.json"
        self._rows: dict[str, dict[str, Any]] = {}
        if self._path is not None and self._path.exists():
            content = json.loads(self._path.read_text())
            if content.get("identity") == self._identity:
                self._rows = content["rows"]

    def __contains__(self, point: Point) -> bool:
        return str(point) in self._rows

    def __getitem__(self, point: Point) -> dict[str, Any]:
        return self._rows[str(point)]

    def __setitem__(self, point: Point, row: dict[str, Any]) -> None:
        self._rows[str(point)] = row
        if self._path is not None:
            content = {"identity": self._identity, "rows": self._rows}
            write_together({self._path: json.dumps(content).encode()})  # NaN and all, read by us alone


def _digest(parameters: Any) -> str:
    """Of all parameters, which tells networks apart."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(parameters):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


class _Worker:
    """A network with its images and its importances, which all points share."""

    def __init__(
        self,
        config: NetworkConfig,
        ensemble: EnsembleConfig,
        data: ImageData,
        member: Member,
        stopwatch: Stopwatch,
    ) -> None:
        self._config, self._architecture, self._member = config, ensemble.architecture, member
        self._stopwatch = stopwatch

        def images(pixels: np.ndarray) -> np.ndarray:
            return data.scaled(pixels).reshape(-1, *ensemble.architecture.input_shape)

        self._splits = Splits(
            (images(data.train_images[member.train_rows]), data.train_labels[member.train_rows]),
            (images(data.train_images[member.holdout_rows]), data.train_labels[member.holdout_rows]),
            (images(data.test_images), data.test_labels),
        )
        begun = time.perf_counter()
        self._importance = self._curvature(self._splits.train[0])
        stopwatch.spent("curvature", begun)

    def row(self, point: Point) -> dict[str, Any]:
        """Numbers of one point."""
        parameters, extra = self._changed(point)
        begun = time.perf_counter()
        numbers = assess(self._architecture, parameters, self._splits)
        self._stopwatch.spent("assessment", begun)
        diagrams = {
            name: [values.tolist() for values in (bins.count, bins.confidence, bins.accuracy)]
            for name, bins in numbers.pop("diagrams").items()
        }
        return numbers | extra | {"diagrams": diagrams}

    def _changed(self, point: Point) -> tuple[Any, dict[str, float]]:
        original = self._member.parameters
        if point.compressor == "original":
            return original, {}
        if point.compressor == "last_layer_scaled":
            factor = fit_last_layer_factor(self._architecture, original, self._splits.holdout)
            return scale_last_layer(self._architecture, original, factor, bias=False), {"factor": factor}
        begun = time.perf_counter()
        tree = compress_network(
            original,
            point.num_clusters,
            None if point.compressor == "kmeans" else self._importance,
            point.diameter_penalty,
            point.block_length,
            self._config.biases,
            relative_penalty=point.compressor == "hessian_weighted_relative",
        )
        compressed = tree.reconstruction()
        self._stopwatch.spent("quantization", begun)
        if point.compressor == "clipped":
            return clip_weights(original, weight_ranges(compressed)), {}
        return compressed, measured(tree)

    def _curvature(self, images: np.ndarray) -> Any:
        """Normalised curvature, on the images the network was trained on or a random part of them."""
        config = self._config
        if 0 < config.curvature_images < len(images):
            key = jax.random.fold_in(jax.random.fold_in(jax.random.key(config.seed), 1), self._member.index)
            images = images[np.asarray(jax.random.permutation(key, len(images))[: config.curvature_images])]
        diagonal = gauss_newton_diagonal(self._architecture, self._member.parameters, images)
        return normalized_importance(diagonal)
