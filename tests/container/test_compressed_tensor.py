"""Writer, sizes and trees ask what a compressed tensor is by its protocol alone."""

import numpy as np
import pytest

from ratedist.container import CompressedTensor, QuantizedTensor, RdzFile, RdzWriter, rdz_size
from ratedist.container.compressed_tensor import signal_to_noise
from ratedist.tensors.tree import QuantizedTree
from ratedist.tensors.tree_file import load_tree
from tests.container import rdz_files

ANSWERS = {
    "shape",
    "dtype",
    "distortion",
    "num_weights",
    "sizes",
    "reconstruction",
    "pieces",
    "stored",
    "digest",
}


class Stranger:
    """No ``QuantizedTensor``, but it answers what the protocol asks, and nothing else."""

    def __init__(self, tensor):
        self._tensor = tensor

    def __getattr__(self, name):
        if name not in ANSWERS:
            raise AttributeError(f"the protocol does not ask for {name}")
        return getattr(self._tensor, name)


def test_these_are_all_the_questions():
    asked = {name for name in vars(CompressedTensor) if not name.startswith("_")}
    assert asked == ANSWERS
    assert all(hasattr(QuantizedTensor, name) or name in {"shape", "dtype"} for name in asked)


@pytest.mark.parametrize("coder", ["huffman", "ans"])
def test_a_stranger_is_written_and_measured(tmp_path, coder):
    if coder == "ans":
        pytest.importorskip("constriction")
    known = rdz_files.tensors()["half"]
    with RdzWriter(tmp_path / "file", coder) as writer:
        entry = writer.add("w", Stranger(known))
    assert writer.num_bytes == (tmp_path / "file").stat().st_size == rdz_size({"w": entry})
    with RdzFile(tmp_path / "file") as file:
        assert rdz_files.same(file.read("w"), known)
        assert file.inspect("w").sizes == known.sizes


def test_a_stranger_in_a_tree(tmp_path):
    known = rdz_files.tensors()["scalar"]
    tree = QuantizedTree({"w": Stranger(known)}, {"b": np.ones(3)}, ("b", "w"), _structure(), "huffman")
    size = tree.save(tmp_path / "file")
    assert size == tree.file_bytes()
    assert tree.file_ratio == size / (known.num_weights * known.dtype.itemsize + 24)
    loaded = load_tree(tmp_path / "file", tree.reconstruction())
    np.testing.assert_array_equal(loaded["w"], known.reconstruction())


def _structure():
    import jax

    return jax.tree.structure({"b": 0, "w": 0})


@pytest.mark.parametrize(
    ("distortion", "energy", "expected"),
    [
        (0.0, 3.0, np.inf),
        (1.0, 100.0, 20.0),
        (np.nan, 1.0, np.nan),
        (1.0, np.nan, np.nan),
        (1.0, 0.0, np.nan),
    ],
)
def test_signal_to_noise(distortion, energy, expected):
    np.testing.assert_allclose(signal_to_noise(distortion, energy), expected)
