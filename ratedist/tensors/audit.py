"""The layers of a .rdz file beside the limit of their own weights.

The limit is R(D) of the law of a layer's weights, at the layer's own error: no code for weights drawn from
that law takes fewer bits. One that uses their order may.
"""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib

import numpy as np

from ratedist.container import RdzFile, TensorFile
from ratedist.tensors.inspection import TensorRow, inspect_file
from ratedist.tensors.limit import Totals, limit_of
from ratedist.theory.sources.numbers import checked_numbers
from ratedist.units import nats_to_bits


@dataclasses.dataclass(frozen=True)
class LayerAudit:
    """A compressed layer; bits are a weight, and ``None`` stands for what is not known.

    Attributes:
        name: of the tensor.
        num_weights: of the layer.
        bits: that it takes in the file, everything counted.
        entropy: of its labels.
        mse: its mean squared error, with importances where ``weighted``: from the weights where they are
            given, else as the writer of the file put it there.
        weighted: whether importances weight the error.
        gaussian: bits that Gaussian weights of the same mean square would need at that error; no law of that
            mean square needs more. ``None`` where it is weighted.
        limit: R(D) of the weights' own law at that error, its lower end; with importances known at both ends.
        limit_upper: the upper end of its bracket; ``None`` where it is weighted, or the weights not given.
    """

    name: str
    num_weights: int
    bits: float
    entropy: float
    mse: float | None
    weighted: bool | None
    gaussian: float | None
    limit: float | None
    limit_upper: float | None = None

    @property
    def gap(self) -> float | None:
        """Bits a weight above the limit."""
        return None if self.limit is None else self.bits - self.limit


@dataclasses.dataclass(frozen=True)
class FileAudit:
    """All compressed layers of a file, and the whole.

    Attributes:
        layers: one each.
        totals: where the bytes of the file are, and the limit of all layers.
    """

    layers: tuple[LayerAudit, ...]
    totals: Totals


def audit_file(
    path: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = None,
    importance: str | os.PathLike[str] | None = None,
) -> FileAudit:
    """Bits, error and limit of the layers of a .rdz file.

    Args:
        path: the .rdz file, which is verified.
        weights: the model before quantisation, .safetensors, or .npy for a file of one layer. Without it
            errors and limits are those that the writer of the file put there.
        importance: h for each weight, by which errors count, of the same two formats.

    Raises:
        ValueError: files that are none; weights or importances of other names or shapes; importances without
            weights.
    """
    if importance is not None and weights is None:
        raise ValueError("importances go with the weights before quantisation")
    rows, _ = inspect_file(path, 0)
    compressed = [row for row in rows if row.is_compressed]
    if not compressed:
        raise ValueError(f"{os.fspath(path)} has no compressed tensor to audit")
    names = [row.name for row in compressed]
    before = None if weights is None else _Originals(pathlib.Path(weights), names, "weights")
    h = None if importance is None else _Originals(pathlib.Path(importance), names, "importances")
    with RdzFile(path) as file:
        layers = {row.name: _layer(file, row, before, h) for row in compressed}
        size = file.size
    told = [
        dataclasses.replace(row, limit=layers[row.name].limit) if row.is_compressed else row for row in rows
    ]
    return FileAudit(tuple(layers.values()), Totals.of(told, size))


def load_numbers(path: pathlib.Path) -> np.ndarray:
    """The numbers of a .npy file as a float64 vector.

    Raises:
        ValueError: no such file, another format, or what are no finite numbers that differ, with a variance
            in the range of float64.
    """
    values = _loaded(path)
    if values.min() == values.max():
        raise ValueError(f"{path} holds one value only, {values[0]:g}, which needs no bits")
    return checked_numbers(values)


def _loaded(path: pathlib.Path) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path} cannot be read as a .npy file: {error}") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iuf":
        kind = getattr(array, "dtype", type(array).__name__)
        raise ValueError(f"{path} must hold real numbers, got {kind}")
    values = array.astype(np.float64).ravel()
    if values.size == 0 or not np.all(np.isfinite(values)):
        raise ValueError(f"{path} must hold finite numbers, got {values.size} with NaN, infinity or none")
    return values


class _Originals:
    """What a model has for each weight of a file, by name."""

    def __init__(self, path: pathlib.Path, names: list[str], what: str) -> None:
        self._single = None
        if path.suffix == ".npy":
            if len(names) != 1:
                raise ValueError(f"a .npy file has one tensor, and the .rdz file has {len(names)}")
            self._single = _loaded(path)
        self._path, self._what = path, what

    def read(self, name: str, size: int) -> np.ndarray:
        if self._single is not None:
            values = self._single
        else:
            with TensorFile(self._path) as file:
                values = np.asarray(file.read(name)).astype(np.float64).ravel()
        if values.size != size:
            raise ValueError(
                f"{self._path} has {values.size:,} {self._what} for {name!r:.80}, expected {size:,}"
            )
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{self._what} of {name!r:.80} must be finite, got NaN or infinite ones")
        return values


def _layer(
    file: RdzFile, row: TensorRow, originals: _Originals | None, importances: _Originals | None
) -> LayerAudit:
    entry, d = file.entries[row.name], row.num_weights
    bits, entropy = row.stored or 0.0, row.entropy or 0.0
    if originals is None:
        plain = entry.weighted is False
        gaussian = _gaussian(entry.distortion, entry.energy) if plain else None
        return LayerAudit(row.name, d, bits, entropy, entry.distortion, entry.weighted, gaussian, row.limit)
    weights = originals.read(row.name, d)
    found = file.read(row.name)
    coded = found if isinstance(found, np.ndarray) else found.reconstruction()
    squares = (weights - np.asarray(coded).astype(np.float64).ravel()) ** 2
    h = None if importances is None else importances.read(row.name, d)
    if h is not None and (h.min() < 0 or h.max() == 0):
        raise ValueError(f"importances of {row.name!r:.80} must be at least 0, and not all 0")
    mse = float(np.mean(squares if h is None else h * squares))
    gaussian = _gaussian(mse, float(np.mean(weights**2))) if h is None else None
    found = limit_of(weights, mse, h, upper=h is None)
    low = None if found is None else float(nats_to_bits(found.lower))
    high = None if found is None or h is not None else float(nats_to_bits(found.upper))
    return LayerAudit(row.name, d, bits, entropy, mse, h is not None, gaussian, low, high)


def _gaussian(mse: float | None, square: float | None) -> float | None:
    if mse is None or square is None or not mse > 0:
        return None
    # Their ratio may be beyond float64.
    return max(math.log2(square) - math.log2(mse), 0.0) / 2 if square > 0 else 0.0
