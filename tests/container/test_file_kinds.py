"""A file of another kind is called what it is; a pipe is refused, not waited for."""

import gzip
import io
import json
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from ratedist.container import RdzFile, TensorFile


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"data")
    return buffer.getvalue()


def saved(function, *arguments):
    buffer = io.BytesIO()
    function(buffer, *arguments)
    return buffer.getvalue()


def tarred():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model"))
    return buffer.getvalue()


INDEX = {"metadata": {"total_size": 1}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}
KINDS = {
    "index of parts": (json.dumps(INDEX, indent=2).encode(), "index of a model in several files"),
    "JSON": (b'{"architectures": ["A"]}', "a text in JSON"),
    "torch": (zipped("archive/data.pkl", "archive/data/0"), r"a file of PyTorch: .*weights_only"),
    "old torch": (pickle.dumps({"a": 1}, protocol=2), "a pickle, as older versions of PyTorch save"),
    "pickle": (pickle.dumps({"a": 1}, protocol=4), "a pickle"),
    "npz": (saved(lambda file, x: np.savez(file, a=x), np.ones(3)), r"a NumPy archive \(.npz\)"),
    "npy": (saved(np.save, np.ones(3)), r"a NumPy array \(.npy\)"),
    "zip": (zipped("readme"), "a zip archive"),
    "broken zip": (zipped("readme")[:40], "a zip archive"),
    "GGUF": (b"GGUF\x03\0\0\0" + bytes(100), "a GGUF file"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
    "page": (b"\n<!DOCTYPE html><html>", "a web page"),
    "gzip": (gzip.compress(b"data", mtime=0), "compressed by gzip"),
    "tar": (tarred(), "a tar archive"),
    "empty": (b"", "it is empty"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", [TensorFile, RdzFile])
def test_kinds(tmp_path, kind, reader):
    content, words = KINDS[kind]
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(
        ValueError, match=f"model is not a valid safetensors file: it is .*{words}|{words}"
    ) as caught:
        reader(tmp_path / "model")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [0x0280, 0x0480, 0x3C, 0x7B])
def test_a_damaged_safetensors_file_is_not_called_something_else(tmp_path, length):
    """The length of its header reads like a pickle, a web page or JSON."""
    (tmp_path / "model").write_bytes(length.to_bytes(8, "little") + b"{x" + b" " * (length - 2))
    with pytest.raises(ValueError, match=r"not a valid safetensors file: Expecting property name"):
        TensorFile(tmp_path / "model")


def test_a_safetensors_file_is_no_rdz_file(tmp_path):
    from safetensors.numpy import save_file

    save_file({"w": np.zeros(3)}, tmp_path / "model")
    with pytest.raises(
        ValueError, match=r"not a valid .rdz file: it is a safetensors file .*ratedist quantize"
    ):
        RdzFile(tmp_path / "model")


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_pipes_devices_and_streams(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # nobody writes to it: opening it would wait for ever
    with pytest.raises(ValueError, match=r"cannot read .*pipe: it is a pipe, not a file"):
        TensorFile(tmp_path / "pipe")
    with pytest.raises(ValueError, match="cannot read /dev/null: it is a device, not a file"):
        TensorFile("/dev/null")
    with pytest.raises(ValueError, match="cannot read -: give the name of a file"):
        TensorFile("-")
    read_end, write_end = os.pipe()
    with pytest.raises(ValueError, match=f"/dev/fd/{read_end}: it is a pipe, not a file"):
        TensorFile(f"/dev/fd/{read_end}")
    os.close(read_end)
    os.close(write_end)
