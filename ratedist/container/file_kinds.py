"""What a file is that was given in place of a safetensors file, by its first bytes."""

from __future__ import annotations

import contextlib
import zipfile
from typing import BinaryIO

HEAD = 4096
_BEGINNINGS = (
    (b"GGUF", "a GGUF file, quantised by llama.cpp already: take the safetensors file it was made from"),
    (b"\x93NUMPY", "a NumPy array (.npy): save it with safetensors.numpy.save_file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file: load it in its library and save it with safetensors"),
    (b"\x80\x04\x95", "a pickle: save its arrays with safetensors"),
    (b"\x80\x05\x95", "a pickle: save its arrays with safetensors"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself: fetch it with git lfs pull"),
    (b"\x1f\x8b\x08", "compressed by gzip: decompress it first"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd: decompress it first"),
    (b"BZh", "compressed by bzip2: decompress it first"),
    (b"\xfd7zXZ\x00", "compressed by xz: decompress it first"),
)
_TORCH = "load it with torch.load(..., weights_only=True) and save it with safetensors.torch.save_file"


def kind_in_words(file: BinaryIO) -> str | None:
    """What a file is that is no safetensors file, and what to do; ``None`` where nothing is known.

    Only bytes are looked at: nothing is unpacked or loaded.
    """
    file.seek(0)
    head = file.read(HEAD)
    if not head:
        return "empty"
    if head[257:262] == b"ustar":
        return "a tar archive: unpack it first"
    for beginning, words in _BEGINNINGS:
        if head.startswith(beginning):
            return words
    if head.startswith(b"PK\x03\x04"):
        return _archive(file)
    if head[4:8] == bytes(4):  # the length of a safetensors header may begin like any of the rest
        return None
    if head[:2] in (b"\x80\x02", b"\x80\x03"):
        return f"a pickle, as older versions of PyTorch save: {_TORCH}"
    text = head.lstrip()
    if text[:1] == b"<":
        return "a web page or XML: what was downloaded is not the model"
    if text[:1] == b"{":
        if b'"weight_map"' in head or b'"total_size"' in head:
            return (
                "the index of a model in several files: give the .safetensors files that it names, one by one"
            )
        return "a text in JSON"
    return None


def _archive(file: BinaryIO) -> str:
    names: list[str] = []
    with contextlib.suppress(zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        names = zipfile.ZipFile(file).namelist()
    if any(name.endswith("data.pkl") for name in names):
        return f"a file of PyTorch: {_TORCH}"
    if names and all(name.endswith(".npy") for name in names):
        return "a NumPy archive (.npz): load it with numpy.load and save it with safetensors.numpy.save_file"
    return "a zip archive: unpack it first"
