"""How often trained networks are warned of lost weights, and whether the warning says what is the case.

    python benchmarks/bulk.py FILE [FILE …]    # .safetensors, .onnx (by the package onnx), wheels with such

Each floating-point tensor of 1,024 weights or more is quantised with 2, 3, 4, 6, 8 and 16 clusters. A line
for each warning has both signal-to-noise ratios, and the part of the weights in the largest cluster. The
last lines count tensors and warnings, and say how far both ratios (about the mean) are apart. The exit status
is 1 if there was a warning where less than nine tenths of the weights became one value."""

from __future__ import annotations

import argparse
import importlib
import pathlib
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from safetensors.numpy import load

from ratedist.tensors.bulk_warning import is_hidden
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.tensor import quantize_tensor

CLUSTERS = (2, 3, 4, 6, 8, 16)
LEAST_WEIGHTS = 1024
PART = 0.9


def models(path: pathlib.Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Names and tensors of the models in a file."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            contents = [(name, wheel.read(name)) for name in wheel.namelist()]
    else:
        contents = [(str(path), path.read_bytes())]
    for name, content in contents:
        if name.endswith(".safetensors"):
            yield name, load(content)
        elif name.endswith(".onnx"):
            yield name, onnx_tensors(content)


def onnx_tensors(content: bytes) -> dict[str, np.ndarray]:
    """Initialisers and constants of a graph, and of the graphs in it."""
    onnx, numpy_helper = map(importlib.import_module, ("onnx", "onnx.numpy_helper"))
    tensors: dict[str, np.ndarray] = {}

    def walk(graph: Any, prefix: str) -> None:
        for tensor in graph.initializer:
            tensors[prefix + tensor.name] = numpy_helper.to_array(tensor)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.TENSOR:
                    tensors[prefix + node.output[0]] = numpy_helper.to_array(attribute.t)
                elif attribute.type == onnx.AttributeProto.GRAPH:
                    walk(attribute.g, f"{prefix}{node.name}/{attribute.name}/")

    walk(onnx.load_model_from_string(content).graph, "")
    return tensors


def main() -> int:
    """Quantise every tensor of every model, and print what is warned of."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    config, num_models, num_tensors, warned, apart, parts = QuantizationConfig(), 0, 0, set(), [], []
    for path in parser.parse_args().files:
        for model, tensors in models(path):
            num_models += 1
            for name, w in tensors.items():
                if w.dtype.kind != "f" or w.size < LEAST_WEIGHTS or w.min() == w.max():
                    continue
                num_tensors += 1
                for K in CLUSTERS:
                    found = quantize_tensor(w, config, num_clusters=K)
                    if found.distortion > 0:
                        about_mean = 10 * np.log10(np.var(w.astype(float)) / found.distortion)
                        apart.append(found.bulk_signal_to_noise - about_mean)
                    if is_hidden(found):
                        warned.add((model, name))
                        parts.append(found.counts.max() / found.counts.sum())
                        print(
                            f"{model} {name} {w.shape}, K = {K}: SNR {found.signal_to_noise:.1f} dB, bulk "
                            f"{found.bulk_signal_to_noise:z.1f} dB, {parts[-1]:.1%} of the weights one value"
                        )
    print(f"{num_tensors} tensors of {num_models} models, {len(CLUSTERS)} numbers of clusters each")
    print(f"{len(parts)} warnings, in {len(warned)} tensors")
    print(
        "bulk minus SNR about the mean, decibels: "
        + ", ".join(f"{q}% {np.percentile(apart, q):.1f}" for q in (0, 5, 25, 50, 75, 95, 100))
    )
    return int(any(part < PART for part in parts))


if __name__ == "__main__":
    sys.exit(main())
