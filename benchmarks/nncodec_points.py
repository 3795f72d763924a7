"""NNCodec with its trellis-coded quantisation, in a Python that has it: layers in, bytes and layers out.

    python -m venv nnc && nnc/bin/pip install nncodec      # compiles its coder; needs PyTorch
    nnc/bin/python benchmarks/nncodec_points.py LAYERS.npz CODED.npz [--alone] QP:LAMBDA …

QP is its quantisation parameter, four of which double the step. LAMBDA scales the price of a bit in its
trellis: 0 is what its own interface has, ``nncodec.nn.encode``. ``benchmarks/real_networks.py`` calls this.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np


def main() -> None:
    """Code all layers together, and each alone if asked to."""
    given, back, *words = sys.argv[1:]
    alone = words[0] == "--alone"
    nnc = importlib.import_module("nncodec.nnc")
    with np.load(given) as file:
        layers = {name: file[name] for name in file.files}
    coded: dict[str, Any] = {}
    for word in words[alone:]:
        parameter, scale = word.split(":")

        def encoded(some: dict[str, np.ndarray], qp: int, scale: float) -> bytes:
            return nnc.compress(
                dict(some),
                bitstream_path="bitstream.nnc",
                qp=qp,
                use_dq=True,
                lambda_scale=scale,
                row_skipping=True,
                return_bitstream=True,
            )

        whole = encoded(layers, int(parameter), float(scale))
        decoded = nnc.decompress(whole)
        coded[f"{word}/bytes"] = np.array(len(whole))
        for name, w in layers.items():
            coded[f"{word}/{name}"] = np.asarray(decoded[name], np.float64).reshape(w.shape)
            if alone:
                one = encoded({name: w}, int(parameter), float(scale))
                coded[f"{word}/{name}/bytes"] = np.array(len(one))
    np.savez(back, **coded)


if __name__ == "__main__":
    main()
