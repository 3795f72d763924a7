"""Names of files that would say another format than what is written."""

from __future__ import annotations

import os
import pathlib

SUFFIX = ".rdz"
# Of files that hold arrays and are no .rdz files: a name like one of these would mislead.
OTHER_FORMATS = (
    ".safetensors",
    ".pt",
    ".pth",
    ".bin",
    ".ckpt",
    ".npz",
    ".npy",
    ".gguf",
    ".onnx",
    ".h5",
    ".pkl",
)


def require_rdz_name(path: str | os.PathLike[str]) -> None:
    """Raise ``ValueError``, with a name that will do, for that of another format in place of a .rdz file."""
    path = pathlib.Path(path)
    if path.suffix.lower() in OTHER_FORMATS:
        raise ValueError(
            f"what is written is a .rdz file: take {path.with_suffix(SUFFIX)} in place of {path}"
        )


def require_model_name(path: str | os.PathLike[str]) -> None:
    """Raise ``ValueError``, with a name that will do, for that of a .rdz file in place of safetensors."""
    path = pathlib.Path(path)
    if path.suffix.lower() == SUFFIX:
        raise ValueError(
            f"what is written is a safetensors file: take {path.with_suffix('.safetensors')} "
            f"in place of {path}"
        )
