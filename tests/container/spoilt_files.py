"""What a reader makes of a .rdz file that may be spoilt: a complaint, or sound tensors in bounded memory."""

from __future__ import annotations

import pathlib
import tracemalloc
from typing import Any

import numpy as np

from ratedist.container import RdzFile


def everything(path: pathlib.Path, content: bytes) -> dict[str, Any]:
    """All tensors of a file with this content; what is told of each without decoding it agrees."""
    path.write_bytes(content)
    with RdzFile(path) as file:
        file.verify()
        told = {name: file.inspect(name) for name in file.entries}
        found = dict(file.read_many(file.entries))
    for name, tensor in found.items():
        one = told[name]
        assert (one is None) == (not hasattr(tensor, "sizes"))
        assert one is None or one.sizes == tensor.sizes
    return found


def refused_or_sound(path: pathlib.Path, content: bytes) -> str | None:
    """The complaint in one line, or ``None`` for tensors that are finite and of the shape they say."""
    tracemalloc.start()
    try:
        for tensor in everything(path, content).values():
            if hasattr(tensor, "reconstruction"):
                whole = tensor.reconstruction()
                assert whole.shape == tensor.shape
                assert np.isfinite(whole.astype(float)).all()
    except ValueError as error:
        return str(error).replace("\n", "MORE THAN ONE LINE")
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # 1024 weights a byte, each up to ten bytes of labels and reconstruction, or of marks and places.
        assert peak < 3e6 + 1024 * 10 * len(content)
    return None
