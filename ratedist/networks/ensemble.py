"""Independently trained networks: each its own start and its own random part of the training images."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from ratedist import _checks
from ratedist.container import TensorFile
from ratedist.networks.architecture import Architecture, Parameters, initialize
from ratedist.networks.data import ImageData
from ratedist.networks.parameter_files import CHECKSUM, load_parameters, save_parameters
from ratedist.networks.training import Recipe, train, train_together

IDENTITY = "ratedist.ensemble"
# Networks that a GPU trains at once: their images have to fit its memory.
TOGETHER = 10


@dataclasses.dataclass(frozen=True)
class EnsembleConfig:
    """Everything that determines the networks of an ensemble but their number.

    Attributes:
        architecture: of every network.
        recipe: how the network is trained, a ``Recipe``.
        fraction: part of the training images that a network's subset holds.
        holdout: part of the subset that is kept from training, to fit temperatures and to choose β on.
        with_replacement: whether a subset may hold an image several times, as in the code released with the
            article. Held-out images are never among those trained on.
        seed: of all randomness; network i depends on (seed, i) alone.
    """

    architecture: Architecture
    recipe: Recipe
    fraction: float = 0.1
    holdout: float = 0.1
    with_replacement: bool = False
    seed: int = 0

    def check(self) -> None:
        """Raise ``ValueError`` if a number is out of its range."""
        self.recipe.check()
        _checks.in_range("fraction", self.fraction, 0.0, 1.0, open_low=True)
        if not 0 <= _checks.number("holdout", self.holdout, 0.0, 1.0) < 1:
            raise ValueError(f"holdout must be at least 0 and below 1, got {self.holdout!r}")
        _checks.seed(self.seed)


@dataclasses.dataclass(frozen=True, eq=False)
class Member:
    """One network of an ensemble.

    Attributes:
        index: its number.
        parameters: trained.
        train_rows: rows of the training images that it was trained on.
        holdout_rows: rows of its subset that it was not trained on.
    """

    index: int
    parameters: Parameters
    train_rows: np.ndarray
    holdout_rows: np.ndarray


def subset(config: EnsembleConfig, data: ImageData, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training images of network ``index``: those it is trained on, and those it is not.

    Raises:
        ValueError: a configuration out of range, a subset without a training image.
    """
    config.check()
    N = len(data.train_images)
    size = round(config.fraction * N)
    held = round(config.holdout * size)
    if size - held < 1:
        raise ValueError(f"fraction {config.fraction:g} of {N} images leaves none to train on")
    subset_key, again_key, _ = _keys(config, index)
    rows = np.asarray(jax.random.permutation(subset_key, N)[:size])
    trained, kept = rows[held:], rows[:held]
    if config.with_replacement:
        others = np.setdiff1d(np.arange(N), kept)
        draws = jax.random.randint(again_key, (size - held,), 0, len(others), jax.numpy.int32)
        trained = others[np.asarray(draws)]
    return trained, kept


def train_member(
    config: EnsembleConfig,
    data: ImageData,
    index: int,
    folder: pathlib.Path | None = None,
    after_epoch: Callable[[int], object] | None = None,
) -> Member:
    """Network ``index``: read from ``folder`` if it is there, else trained (and written to it).

    Args:
        config: the ensemble that the network belongs to, an ``EnsembleConfig``.
        data: training and test images with their labels, as ``load`` returns them.
        index: number of the network.
        folder: of the files ``NAME-INDEX.safetensors``, made if it is missing; ``None`` to keep the network
            in memory alone.
        after_epoch: called with the number of epochs done, while training.

    Raises:
        ValueError: a file that is damaged or belongs to another configuration, and as ``train``.
    """
    trained, kept = subset(config, data, index)
    path = None if folder is None else member_path(folder, data, index)
    if path is not None and path.exists():
        return Member(index, _read(path, config, data, index), trained, kept)
    images = data.scaled(data.train_images[trained]).reshape(-1, *config.architecture.input_shape)
    key = training_key(config, index)
    parameters = train(
        config.architecture, config.recipe, images, data.train_labels[trained], key, after_epoch
    )
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_parameters(path, parameters, {IDENTITY: _identity(config, data, index)})
    return Member(index, parameters, trained, kept)


def train_members(
    config: EnsembleConfig,
    data: ImageData,
    num_models: int | Sequence[int],
    folder: pathlib.Path | None = None,
    after_epoch: Callable[[int], object] | None = None,
) -> Iterator[Member]:
    """Networks 0, 1, …: one after the other on a CPU, several in one computation on anything else.

    ``num_models`` is how many, or which by their numbers. Other args and raises as ``train_member``;
    ``after_epoch`` is called on a CPU only.
    """
    if isinstance(num_models, Sequence):
        indices = list(num_models)
    else:
        indices = list(range(_checks.integer("num_models", num_models, 1)))
    if jax.default_backend() == "cpu":
        for index in indices:
            yield train_member(config, data, index, folder, after_epoch)
        return
    for first in range(0, len(indices), TOGETHER):
        yield from train_members_together(config, data, indices[first : first + TOGETHER], folder)


def train_members_together(
    config: EnsembleConfig, data: ImageData, indices: list[int], folder: pathlib.Path | None = None
) -> list[Member]:
    """As ``train_member``, those that are not in ``folder`` trained in one computation: for a GPU."""
    found = {i: folder is not None and member_path(folder, data, i).exists() for i in indices}
    missing = [i for i in indices if not found[i]]
    made: dict[int, Member] = {}
    if missing:
        rows = [subset(config, data, i) for i in missing]
        shape = config.architecture.input_shape
        images = np.stack([data.scaled(data.train_images[t]).reshape(-1, *shape) for t, _ in rows])
        labels = np.stack([data.train_labels[t] for t, _ in rows])
        keys = jax.numpy.stack([training_key(config, i) for i in missing])
        stacked = train_together(config.architecture, config.recipe, images, labels, keys)
        for place, (i, (trained, kept)) in enumerate(zip(missing, rows, strict=True)):
            parameters = jax.tree_util.tree_map(lambda leaf, place=place: leaf[place], stacked)
            made[i] = Member(i, parameters, trained, kept)
            if folder is not None:
                path = member_path(folder, data, i)
                path.parent.mkdir(parents=True, exist_ok=True)
                save_parameters(path, parameters, {IDENTITY: _identity(config, data, i)})
    return [made[i] if i in made else train_member(config, data, i, folder) for i in indices]


def member_path(folder: pathlib.Path, data: ImageData, index: int) -> pathlib.Path:
    """File of a network."""
    return folder / f"{data.name}-{index:03d}.safetensors"


def training_key(config: EnsembleConfig, index: int) -> jax.Array:
    """Key that network ``index`` is trained with: its start, the order of its images, dropout."""
    return _keys(config, index)[2]


def _keys(config: EnsembleConfig, index: int) -> jax.Array:
    """Keys of the subset, of drawing it with replacement, and of the training."""
    index = _checks.integer("index", index, 0)
    return jax.random.split(jax.random.fold_in(jax.random.key(config.seed), index), 3)


def _identity(config: EnsembleConfig, data: ImageData, index: int) -> str:
    """What has to agree for a file to be the network that is asked for, as text."""
    record: dict[str, Any] = dataclasses.asdict(config) | {
        "index": index,
        "data": data.digest,
    }
    return json.dumps(record, sort_keys=True)


def _read(path: pathlib.Path, config: EnsembleConfig, data: ImageData, index: int) -> Parameters:
    with TensorFile(path) as file:
        identity = file.metadata.get(IDENTITY)
        checked = CHECKSUM in file.metadata
    if identity != _identity(config, data, index):
        raise ValueError(
            f"{path} belongs to networks of another configuration; name another folder, or remove it"
        )
    if not checked:
        raise ValueError(f"{path} has no checksum, so it was written by another version; remove it")
    like = initialize(config.architecture, jax.random.key(0))
    return jax.tree_util.tree_map(jax.numpy.asarray, load_parameters(path, like))
