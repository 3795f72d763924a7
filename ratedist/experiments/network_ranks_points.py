"""One network at every rank and number of bits: what was finished before is read, the rest computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ratedist.experiments.finished_points import FinishedPoints, parameters_digest
from ratedist.experiments.network_ranks_config import (
    FLOAT_BITS,
    TRAINED,
    WHOLE,
    NetworkRanksConfig,
    RankPoint,
)
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.networks.architecture import Parameters
from ratedist.networks.assessment import Splits, assess, predict
from ratedist.networks.calibration import fit_temperature
from ratedist.networks.data import ImageData
from ratedist.networks.ensemble import EnsembleConfig, Member, training_key
from ratedist.networks.low_rank import factorize, layer_metric, quantize_factors, weight_bits
from ratedist.networks.second_moments import LayerStatistics, layer_statistics
from ratedist.networks.thresholded_training import train_thresholded
from ratedist.networks.training import train

# To be raised whenever a point would come out otherwise: rows of two versions are never mixed.
FORMAT = 1
WORK = ("training", "statistics", "thresholding", "projection", "fine-tuning", "quantization", "assessment")
# Of what an assessment says, that goes into the table.
QUANTITIES = (
    "train_loss",
    "holdout_loss",
    "test_loss",
    "calibrated_test_loss",
    "test_accuracy",
    "temperature",
    "calibration_error",
    "calibrated_calibration_error",
)


def finished_points(
    config: NetworkRanksConfig, data: ImageData, member: Member, folder: Path | None
) -> FinishedPoints:
    """What is finished of one network, or nothing."""
    identity = {
        "format": FORMAT,
        "fine_tuning": [config.fine_tuning_epochs, config.fine_tuning_rate],
        "prox_every": config.prox_every,
        "seed": config.seed,
        "data": data.digest,
        "parameters": parameters_digest(member.parameters),
    }
    path = None if folder is None else folder / f"{config.data}-{member.index:03d}-ranks.journal"
    return FinishedPoints(path, identity)


class RankWorker:
    """A network with its images and the statistics of its layers, which all points share.

    Args:
        config: of the experiment.
        ensemble: what the network was trained by.
        data: its images.
        member: the network.
        stopwatch: of ``WORK``, is added to.
    """

    def __init__(
        self,
        config: NetworkRanksConfig,
        ensemble: EnsembleConfig,
        data: ImageData,
        member: Member,
        stopwatch: Stopwatch,
    ) -> None:
        self._config, self._ensemble, self._member, self._stopwatch = config, ensemble, member, stopwatch
        self._architecture = ensemble.architecture

        def split(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return data.scaled(images).reshape(-1, *self._architecture.input_shape), labels

        rows = member.train_rows, member.holdout_rows
        train_split, holdout = (split(data.train_images[some], data.train_labels[some]) for some in rows)
        self._splits = Splits(train_split, holdout, split(data.test_images, data.test_labels))
        self._statistics: dict[bool, dict[str, LayerStatistics]] = {}
        # Of the last rank and method only: the next points are theirs too.
        self._kept: dict[tuple[str, int, bool], Parameters] = {}

    def row(self, point: RankPoint) -> dict[str, float]:
        """Numbers of one point."""
        parameters = self._factors(point.method, point.rank, point.fine_tuned)
        bits = float(weight_bits(parameters))
        if point.bits < FLOAT_BITS:
            with self._stopwatch.during("quantization"):
                tree = quantize_factors(parameters, 2**point.bits)
                parameters = tree.reconstruction()
                bits = sum(one.sizes.huffman + one.sizes.codebook for one in tree.quantized.values())
        with self._stopwatch.during("assessment"):
            numbers = assess(self._architecture, parameters, self._splits)
        whole = weight_bits(self._member.parameters)
        return {"weight_bits": bits, "ratio": bits / whole} | {name: numbers[name] for name in QUANTITIES}

    def _factors(self, method: str, rank: int, fine_tuned: bool) -> Parameters:
        if (method, rank, fine_tuned) not in self._kept:
            made = self._tuned(self._factors(method, rank, False)) if fine_tuned else self._made(method, rank)
            self._kept = {key: one for key, one in self._kept.items() if key[:2] == (method, rank)}
            self._kept[method, rank, fine_tuned] = made
        return self._kept[method, rank, fine_tuned]

    def _made(self, method: str, rank: int) -> Parameters:
        """The network at its rank, before fine-tuning."""
        if method == WHOLE:
            return self._member.parameters
        if method in TRAINED:
            with self._stopwatch.during("thresholding"):
                trained = train_thresholded(
                    self._architecture,
                    self._ensemble.recipe,
                    *self._splits.train,
                    training_key(self._ensemble, self._member.index),
                    rank,
                    annealed=method == "annealed",
                    prox_every=self._config.prox_every,
                )
            return factorize(self._architecture, trained, rank)
        calibrated = method == "kronecker_calibrated"
        statistics = self._layer_statistics(calibrated)
        weighting = "kronecker" if calibrated else method
        with self._stopwatch.during("projection"):
            metrics = {name: layer_metric(weighting, one) for name, one in statistics.items()}
            return factorize(self._architecture, self._member.parameters, rank, metrics)

    def _tuned(self, parameters: Parameters) -> Parameters:
        """After the same steps for all: the images in one order, with the same hidden units left out."""
        recipe = dataclasses.replace(
            self._ensemble.recipe,
            epochs=self._config.fine_tuning_epochs,
            learning_rate=self._config.fine_tuning_rate,
        )
        key = jax.random.fold_in(training_key(self._ensemble, self._member.index), 1)
        with self._stopwatch.during("fine-tuning"):
            return train(self._architecture, recipe, *self._splits.train, key, start=parameters)

    def _layer_statistics(self, calibrated: bool) -> dict[str, LayerStatistics]:
        """On the images the network was trained on, its logits divided by its temperature or not."""
        if calibrated not in self._statistics:
            arguments = self._architecture, self._member.parameters
            with self._stopwatch.during("statistics"):
                T = 1.0
                if calibrated:
                    images, labels = self._splits.holdout
                    fit = fit_temperature(predict(*arguments, images), labels)
                    # Held-out images that are all classified right determine none.
                    T = 1.0 if fit.at_edge else fit.temperature
                self._statistics[calibrated] = layer_statistics(
                    *arguments, self._splits.train[0], temperature=T
                )
        return self._statistics[calibrated]


def judge_points(
    config: NetworkRanksConfig,
    ensemble: EnsembleConfig,
    data: ImageData,
    member: Member,
    folder: Path | None,
    stopwatch: Stopwatch,
    after_point: Callable[[], object] | None = None,
) -> list[dict[str, Any]]:
    """One row per point for one network, in the order of ``config.points()``.

    Args:
        config: of the experiment.
        ensemble: what the network was trained by.
        data: its images.
        member: the network.
        folder: where finished points are kept, from which an interrupted run goes on; ``None`` for nowhere.
        stopwatch: of ``WORK``, is added to.
        after_point: called without arguments after each point.
    """
    finished = finished_points(config, data, member, folder)
    worker = None
    for point in config.points():
        if point not in finished:
            worker = worker or RankWorker(config, ensemble, data, member, stopwatch)
            finished[point] = worker.row(point)
        if after_point is not None:
            after_point()
    return [{"model": member.index, **dataclasses.asdict(p), **finished[p]} for p in config.points()]
