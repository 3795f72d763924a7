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
from ratedist.theory.sources.numbers import numbers_rate_limit, values_entropy
from ratedist.units import nats_to_bits


@dataclasses.dataclass(frozen=True)
class LayerAudit:
    """A compressed layer; bits are a weight, and ``None`` stands for what is not known.

    Attributes:
        name: of the tensor.
        num_weights: of the layer.
        bits: that it takes in the file, everything counted.
        entropy: of its labels.
        mse: its mean squared error, without importances: from the weights where they are given, else as the
            writer of the file put it there.
        gaussian: bits that Gaussian weights of the same mean square would need at that error; no law of that
            mean square needs more.
        limit: R(D) of the weights' own law at that error, its lower end.
        limit_upper: the upper end of its bracket.
    """

    name: str
    num_weights: int
    bits: float
    entropy: float
    mse: float | None
    gaussian: float | None
    limit: float | None
    limit_upper: float | None

    @property
    def gap(self) -> float | None:
        """Bits a weight above the limit."""
        return None if self.limit is None else self.bits - self.limit


@dataclasses.dataclass(frozen=True)
class FileAudit:
    """All compressed layers of a file, and the whole.

    Attributes:
        layers: one each.
        num_weights: in them.
        bits: a weight, of these layers together.
        limit: bits a weight of all limits together, lower end; ``None`` without the weights.
        file_bits: of the whole file, a weight of these layers: with names, and with what is not compressed.
    """

    layers: tuple[LayerAudit, ...]
    num_weights: int
    bits: float
    limit: float | None
    file_bits: float


def audit_file(path: str | os.PathLike[str], weights: str | os.PathLike[str] | None = None) -> FileAudit:
    """Bits, error and limit of the layers of a .rdz file.

    Args:
        path: the .rdz file, which is verified.
        weights: the model before quantisation, .safetensors, or .npy for a file of one layer.

    Raises:
        ValueError: files that are none; weights of other names or shapes.
    """
    with RdzFile(path) as file:
        file.verify()
        names = [name for name in file.entries if file.inspect(name, 0) is not None]
        if not names:
            raise ValueError(f"{os.fspath(path)} has no compressed tensor to audit")
        originals = None if weights is None else _Originals(pathlib.Path(weights), names)
        layers = tuple(_layer(file, name, originals) for name in names)
        total = sum(one.num_weights for one in layers)
        limits = [one.limit for one in layers]
        limit = None
        if None not in limits:
            limit = sum(one.num_weights * (one.limit or 0.0) for one in layers) / total
        bits = sum(one.num_weights * one.bits for one in layers) / total
        return FileAudit(layers, total, bits, limit, 8 * file.size / total)


def load_numbers(path: pathlib.Path) -> np.ndarray:
    """The numbers of a .npy file as a float64 vector.

    Raises:
        ValueError: no such file, another format, or what are no finite numbers.
    """
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
    if values.min() == values.max():
        raise ValueError(f"{path} holds one value only, {values[0]:g}, which needs no bits")
    return values


class _Originals:
    """The weights of a model by name."""

    def __init__(self, path: pathlib.Path, names: list[str]) -> None:
        self._single = None
        if path.suffix == ".npy":
            if len(names) != 1:
                raise ValueError(f"a .npy file has one tensor, and the .rdz file has {len(names)}")
            self._single = load_numbers(path)
        self._path = path

    def read(self, name: str, size: int) -> np.ndarray:
        if self._single is not None:
            values = self._single
        else:
            with TensorFile(self._path) as file:
                values = np.asarray(file.read(name)).astype(np.float64).ravel()
        if values.size != size:
            raise ValueError(f"{self._path} has {values.size:,} weights for {name!r:.80}, expected {size:,}")
        if not np.all(np.isfinite(values)):
            raise ValueError(f"weights of {name!r:.80} must be finite, got NaN or infinite ones")
        return values


def _layer(file: RdzFile, name: str, originals: _Originals | None) -> LayerAudit:
    entry, told = file.entries[name], file.inspect(name, 0)
    assert told is not None  # of a compressed tensor
    d = entry.num_weights
    bits, entropy = 8 * entry.num_bytes / d, told.sizes.entropy / d
    if originals is None:
        known = entry.weighted is False and entry.distortion is not None and entry.energy is not None
        mse, square = (entry.distortion, entry.energy) if known else (None, None)
        return LayerAudit(name, d, bits, entropy, mse, _gaussian(mse, square), None, None)
    weights = originals.read(name, d)
    found = file.read(name)
    coded = found if isinstance(found, np.ndarray) else found.reconstruction()
    mse = float(np.mean((weights - np.asarray(coded).astype(np.float64).ravel()) ** 2))
    gaussian = _gaussian(mse, float(np.mean(weights**2)))
    if mse >= float(weights.var()):
        return LayerAudit(name, d, bits, entropy, mse, gaussian, 0.0, 0.0)
    if mse == 0:
        exact = nats_to_bits(values_entropy(weights))
        return LayerAudit(name, d, bits, entropy, mse, gaussian, exact, exact)
    limit = numbers_rate_limit(weights, mse)
    return LayerAudit(
        name, d, bits, entropy, mse, gaussian, nats_to_bits(limit.lower), nats_to_bits(limit.upper)
    )


def _gaussian(mse: float | None, square: float | None) -> float | None:
    if mse is None or square is None or not mse > 0:
        return None
    return max(math.log2(square / mse) / 2, 0.0) if square > 0 else 0.0
