"""Pruned and factored models on disk: what is set to zero, what the command reports, what comes back."""

import json

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ratedist as rd
from ratedist.cli import main
from ratedist.container import PrunedTensor, QuantizedTensor
from ratedist.tensors import compress_tensor

pytestmark = pytest.mark.usefixtures("some_limit")

RNG = np.random.default_rng(0)


def options(**given):
    return rd.QuantizationConfig(**{"min_size": 1} | given)


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(
    st.lists(st.integers(-6, 6), min_size=2, max_size=40),
    st.floats(0.01, 0.99),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_the_least_salient_weights_are_zero(weights, share, weighted, seed):
    """By sorting, with ties and zeros among the weights; there are clusters enough for all values."""
    w = np.array(weights, np.float32)
    h = np.random.default_rng(seed).integers(0, 3, size=w.size).astype(float) if weighted else None
    if h is not None and not h.any():
        return
    found = compress_tensor(w, options(prune=share, num_clusters=40), importance=h)
    back = found.reconstruction()
    num_kept = max(w.size - round(share * w.size), 1)
    saliency = (1.0 if h is None else h) * w.astype(float) ** 2
    assert np.count_nonzero(back) <= num_kept
    counted = (back != 0) & (True if h is None else h > 0)
    np.testing.assert_array_equal(back[counted], w[counted])
    lost = saliency[(back == 0) & (w != 0)]
    assert lost.sum() == pytest.approx(np.sort(saliency)[: w.size - num_kept].sum())
    np.testing.assert_allclose(found.distortion * w.size, lost.sum())
    if isinstance(found, PrunedTensor):
        assert found.zeros == np.mean(back == 0)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_a_large_tensor_of_each_dtype(dtype):
    w = RNG.standard_t(4, size=(60, 50)).astype(dtype)
    found = compress_tensor(w, options(prune=0.9, num_clusters=16))
    back = found.reconstruction()
    assert (back.dtype, back.shape, found.zeros) == (w.dtype, w.shape, 0.9)
    magnitude = np.abs(w.astype(float))
    assert magnitude[back == 0].max() <= magnitude[back != 0].min()
    exact = np.mean((w.astype(float) - back.astype(float)) ** 2)
    assert found.distortion == pytest.approx(exact, rel=1e-9)
    assert found.num_clusters == 16


@pytest.mark.parametrize(
    ("w", "kind"),
    [
        (np.zeros(50), QuantizedTensor),
        (np.full(50, -1e9), PrunedTensor),
        (np.where(np.arange(50) < 2, -1e9, RNG.normal(size=50)), PrunedTensor),
        (np.where(np.arange(50) < 2, 1.0, 0.0), PrunedTensor),  # sparser than is asked for
        (10.0 ** np.linspace(-40, 30, 50), PrunedTensor),
    ],
    ids=["zeros", "constant", "mask", "sparse", "seventy decades"],
)
@pytest.mark.filterwarnings("error")
def test_hard_weights(w, kind):
    for h in (None, np.arange(50.0), (np.arange(50) == 30).astype(float)):
        found = compress_tensor(w.astype(np.float32), options(prune=0.5), importance=h)
        assert isinstance(found, kind)
        back = found.reconstruction()
        assert np.isfinite(back).all()
        assert np.mean(back == 0) >= 0.5
        if kind is PrunedTensor and w[:2].max() == 1:
            np.testing.assert_array_equal(back, w)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A file with matrices, one of them twice, a kernel, a vector and integers."""
    folder = tmp_path_factory.mktemp("model")
    table = RNG.standard_t(4, size=(40, 36)).astype(np.float32)
    tensors = {
        "embed.weight": table,
        "head.weight": table,
        "kernel": RNG.normal(size=(24, 8, 3, 3)).astype(ml_dtypes.bfloat16),
        "norm": RNG.normal(size=1100).astype(np.float16),
        "bias": RNG.normal(size=8),
        "steps": np.arange(5),
    }
    rd.networks.save_parameters(folder / "model.safetensors", tensors)
    return folder / "model.safetensors", tensors


FORMS = [
    ["--rank", "5"],
    ["--rank", "5", "--coder", "ans", "--block-length", "2", "-k", "4"],
    ["--rank-budget", "1.3", "-k", "4", "--diameter-penalty", "0.01", "--relative-penalty", "True"],
    ["--prune", "0.9"],
    ["--prune", "0.3", "--coder", "ans", "-k", "4"],
    ["--prune", "0.8", "--bits-per-weight", "2.5"],
]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(one, id=" ".join(one), marks=pytest.mark.slow if "--rank-budget" in one else ())
        for one in FORMS
    ],
)
def test_the_command_says_what_is_on_disk_and_it_comes_back(model, tmp_path, capsys, arguments):
    if "ans" in arguments:
        pytest.importorskip("constriction")
    path, tensors = model
    out = tmp_path / "out.rdz"
    assert main(["quantize", str(path), "-o", str(out), *arguments]) == 0
    said = capsys.readouterr().out
    assert f"written: {out}, {out.stat().st_size:,} bytes" in said
    assert main(["quantize", str(path), "--dry-run", *arguments]) == 0
    assert f"not written (--dry-run): {out.stat().st_size:,} bytes" in capsys.readouterr().out
    assert main(["dequantize", str(out), "-o", str(tmp_path / "back.safetensors")]) == 0
    capsys.readouterr()
    assert main(["inspect", str(out), "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["tensors"]}
    assert main(["inspect", str(out)]) == 0
    heading, table = (" rank " if "--rank" in " ".join(arguments) else " zeros "), capsys.readouterr().out
    assert heading in table.splitlines()[0]
    assert heading in said.splitlines()[0]
    back = rd.networks.load_parameters(tmp_path / "back.safetensors", like=tensors)
    loaded = rd.load_tree(out, tensors)
    for name, w in tensors.items():
        assert back[name].tobytes() == loaded[name].tobytes()
        if rows[name]["num_clusters"] is None:
            assert back[name].tobytes() == w.tobytes()
            assert name in ("bias", "steps")
            continue
        error = np.mean((w.astype(float) - back[name].astype(float)) ** 2)
        assert rows[name]["distortion"] == pytest.approx(error, rel=1e-9)
        if heading == " zeros ":
            assert rows[name]["zeros"] == np.mean(back[name] == 0)
            assert rows[name]["rank"] is None
        else:
            assert "--rank" not in arguments or (rows[name]["rank"] is None) == (name == "norm")
            assert rows[name]["zeros"] is None
            if rows[name]["rank"] and name != "kernel":  # rounding to bfloat16 raises the rank
                assert np.linalg.matrix_rank(back[name].astype(float), 1e-5) <= rows[name]["rank"]
    # Tied tensors are two tensors, alike unless a budget tells them apart.
    if "-b" not in " ".join(arguments):
        assert back["embed.weight"].tobytes() == back["head.weight"].tobytes()


def test_the_tree_and_the_file_are_the_same(model, tmp_path):
    path, tensors = model
    for one in ({"rank": 5}, {"prune": 0.9}):
        tree = rd.quantize_tree(tensors, rd.QuantizationConfig(**one))
        assert tree.save(tmp_path / "tree.rdz") == tree.file_bytes() == (tmp_path / "tree.rdz").stat().st_size
        rd.tensors.quantize_file(path, tmp_path / "file.rdz", rd.QuantizationConfig(**one))
        assert (tmp_path / "tree.rdz").stat().st_size <= (tmp_path / "file.rdz").stat().st_size
        loaded = rd.load_tree(tmp_path / "file.rdz", tensors)
        for name, w in tree.reconstruction().items():
            assert loaded[name].tobytes() == np.asarray(w).tobytes()


def test_a_tree_of_many_layers(tmp_path):
    layers = [RNG.normal(size=(24, 20)).astype(np.float32) for _ in range(30)]
    for config in (options(rank=3, num_clusters=4), options(prune=0.9, num_clusters=4)):
        tree = rd.quantize_tree(layers, config)
        tree.save(tmp_path / "layers.rdz")
        for found, expected in zip(
            rd.load_tree(tmp_path / "layers.rdz", layers), tree.reconstruction(), strict=True
        ):
            assert found.tobytes() == expected.tobytes()


def test_warnings_say_what_helps():
    w = RNG.normal(size=(40, 50))
    w[3, 4] = 1e9
    for one, remedy in (
        ({"rank": 1}, "take a higher rank"),
        ({"prune": 0.999}, "prune less"),
        ({"num_clusters": 2}, "take more clusters"),
    ):
        with pytest.warns(UserWarning, match=f"most weights are lost in 'w'.*; {remedy}, or leave"):
            rd.quantize_tree({"w": w}, options(**one))
