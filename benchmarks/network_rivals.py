"""Ways to code the layers of a network, each as the bytes of it and of all, and the weights that come back.

Files are ``.rdz`` with asymmetric numeral systems, index and sums of bytes counted. Formats of fixed length
get their bits alone, without a file. NNCodec codes in a Python of its own, by ``nncodec_points.py``.
"""

from __future__ import annotations

import pathlib
import subprocess
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from formats import Rebuilt
from safetensors.numpy import load

import ratedist as rd
from ratedist.container import CompressedTensor, QuantizedTensor, RdzWriter
from ratedist.quantizers import entropy_constrained_quantizer

Layers = Mapping[str, np.ndarray]
POINTS = pathlib.Path(__file__).with_name("nncodec_points.py")
# How finely centres of a scalar quantiser lie at first, in steps of the uniform one of the same error.
FINENESS = (1.0, 1.25, 1.5, 2.0)


class Coded(NamedTuple):
    """Layers as they come back, their bytes one by one, and those of all together."""

    rebuilt: dict[str, np.ndarray]
    layer_bytes: dict[str, int]
    all_bytes: int

    def errors(self, weights: Layers) -> dict[str, float]:
        """Mean squared error of each layer."""
        return {
            name: float(np.mean((w.astype(np.float64) - self.rebuilt[name]) ** 2))
            for name, w in weights.items()
        }


def layers_of(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Weights of a network in a ``.safetensors`` file, or in the one within a wheel; biases are left out."""
    content = path.read_bytes()
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            (name,) = (name for name in wheel.namelist() if name.endswith(".safetensors"))
            content = wheel.read(name)
    tensors = load(content)
    return {name: w for name, w in tensors.items() if w.dtype.kind == "f" and w.ndim > 1}


def in_files(tensors: Mapping[str, CompressedTensor]) -> Coded:
    """Compressed tensors by the sizes of real files: one of each layer, and one of all."""
    with tempfile.TemporaryDirectory() as folder:

        def size(some: Mapping[str, CompressedTensor]) -> int:
            with RdzWriter(pathlib.Path(folder, "layers.rdz"), "ans") as writer:
                for name, tensor in some.items():
                    writer.add(name, tensor)
            return writer.num_bytes

        alone = {name: size({name: tensor}) for name, tensor in tensors.items()}
        whole = size(tensors)
    return Coded({name: tensor.reconstruction() for name, tensor in tensors.items()}, alone, whole)


def trellis(weights: Layers, states: int, errors: Mapping[str, float]) -> Coded:
    """Each layer along a trellis, at most at its error."""
    tensors: dict[str, CompressedTensor] = {}
    for name, w in weights.items():
        config = rd.QuantizationConfig(trellis=states, mean_squared_error=errors[name], min_size=1)
        tensors |= _tree({name: w}, config)
    return in_files(tensors)


def k_means(weights: Layers, bits: float) -> Coded:
    """K-means with a budget of bits for all layers, which each get their own number of clusters."""
    return in_files(_tree(weights, rd.QuantizationConfig(bits_per_weight=bits, coder="ans", min_size=1)))


def _tree(weights: Layers, config: rd.QuantizationConfig) -> Mapping[str, CompressedTensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of large errors, which are what is printed
        return rd.quantize_tree(dict(weights), config).quantized


def scalar(weights: Layers, error: float) -> Coded:
    """Entropy-constrained scalars, all layers at the price that goes with this error at high rate."""
    step = np.sqrt(12 * error)
    tensors = {}
    for name, w in weights.items():
        flat = w.astype(np.float64).ravel()
        tried = []
        for fineness in FINENESS:
            clusters = int(np.ceil(np.ptp(flat) / step * fineness)) + 1
            tried.append(entropy_constrained_quantizer(flat, clusters, 2 * error))
        best = min(tried, key=lambda found: found.objective)
        labels = best.labels.astype(np.min_scalar_type(best.centers.size - 1))
        tensors[name] = QuantizedTensor(labels, best.centers.astype(np.float32), w.shape, w.dtype)
    return in_files(tensors)


def fixed(weights: Layers, quantise: Callable[[np.ndarray], Rebuilt]) -> Coded:
    """A format of fixed length: its bits, rounded up to bytes for each layer."""
    found = {name: quantise(w.astype(np.float64)) for name, w in weights.items()}
    sizes = {name: int(np.ceil(weights[name].size * one.bits_per_weight / 8)) for name, one in found.items()}
    return Coded({name: one.reconstruction for name, one in found.items()}, sizes, sum(sizes.values()))


def nncodec(weights: Layers, python: str, settings: list[tuple[int, float]], alone: bool) -> list[Coded]:
    """What NNCodec makes of the layers, with its trellis on.

    Args:
        weights: the layers.
        python: interpreter that has ``nncodec``.
        settings: pairs of its quantisation parameter and of its scale of λ, 0 in its own interface.
        alone: whether to code each layer by itself, too.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, back = pathlib.Path(folder, "layers.npz"), pathlib.Path(folder, "coded.npz")
        arrays: dict[str, Any] = {name: w.astype(np.float32) for name, w in weights.items()}
        np.savez(given, **arrays)
        words = [f"{parameter}:{scale}" for parameter, scale in settings]
        command = [python, str(POINTS), str(given), str(back), *(["--alone"] if alone else []), *words]
        subprocess.run(command, check=True, cwd=folder)
        with np.load(back) as coded:
            return [
                Coded(
                    {name: coded[f"{word}/{name}"] for name in weights},
                    {name: int(coded[f"{word}/{name}/bytes"]) for name in weights} if alone else {},
                    int(coded[f"{word}/bytes"]),
                )
                for word in words
            ]
