import json

import ml_dtypes
import numpy as np
import pytest

from ratedist.cli import main
from ratedist.container import Entry, RdzFile, TensorFile, encode_header, write_tensor_file
from ratedist.container.dtypes import dtype_name, to_bytes

pytestmark = pytest.mark.usefixtures("some_limit")


def write(path, tensors, metadata=None):
    entries = {name: Entry(dtype_name(x.dtype), x.shape) for name, x in tensors.items()}
    write_tensor_file(path, entries, encode_header(entries, metadata), lambda name: [to_bytes(tensors[name])])


def read(path):
    with TensorFile(path) as file:
        return {name: file.read(name) for name in file.entries}


@pytest.fixture
def model(tmp_path):
    rng = np.random.default_rng(0)
    tensors = {
        "a.weight": rng.normal(size=(50, 40)).astype(np.float32),
        "b.weight": rng.normal(size=(60, 40)).astype(np.float16),
        "c.weight": (5 * rng.normal(size=(30, 41))).astype(ml_dtypes.bfloat16),
        "a.bias": np.zeros(40, np.float32),
        "steps": np.arange(3000),
        "scale": np.array(2.0),
        "empty": np.zeros((0, 5), np.float32),
    }
    write(tmp_path / "model.safetensors", tensors, {"format": "pt"})
    return tmp_path / "model.safetensors", tensors


def command(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.mark.parametrize("coder", ["huffman", "ans"])
def test_there_and_back(model, tmp_path, capsys, coder):
    if coder == "ans":
        pytest.importorskip("constriction")
    path, tensors = model
    packed, back = tmp_path / "model.rdz", tmp_path / "back.safetensors"
    assert command("quantize", path, "-o", packed, "-k", 8, "--coder", coder) == 0
    assert "compression ratios, size after over size before: 0." in capsys.readouterr().out
    assert command("dequantize", packed, "-o", back) == 0
    found = read(back)
    with TensorFile(back) as file:
        assert file.metadata == {"format": "pt"}
    assert found.keys() == tensors.keys()
    with RdzFile(packed) as file:
        for name, tensor in tensors.items():
            assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape)
            if name.endswith("weight"):
                assert file.entries[name].coder == coder
                assert np.unique(found[name].astype(float)).size == 8
                np.testing.assert_array_equal(found[name], file.read(name).reconstruction())
            else:
                np.testing.assert_array_equal(found[name], tensor)


def test_inspect(model, tmp_path, capsys):
    path, tensors = model
    packed = tmp_path / "model.rdz"
    command("quantize", path, "-o", packed, "-k", 8, "--exclude", "b.*", "--block-length", 2)
    capsys.readouterr()
    assert command("inspect", packed) == 0
    text = capsys.readouterr().out
    assert text.startswith("tensor ")
    assert "50×40" in text
    assert command("inspect", packed, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in content["tensors"]}
    assert rows.keys() == tensors.keys()
    assert rows["b.weight"]["num_clusters"] is None
    row = rows["a.weight"]
    with RdzFile(packed) as file:
        tensor, entry = file.read("a.weight"), file.entries["a.weight"]
        assert sum(row["share"] for row in rows.values()) == pytest.approx(1 - file.header_bytes / file.size)
    error = tensors["a.weight"].astype(float) - tensor.reconstruction()
    assert row["distortion"] == pytest.approx(np.mean(error**2))
    assert row["diameter"] == pytest.approx(tensor.diameter)
    assert (row["num_clusters"], row["block_length"], row["codebook_dtype"]) == (8, 2, "float32")
    assert row["entropy"] == pytest.approx(tensor.sizes.entropy / 2000)
    assert row["entropy"] <= row["huffman"] <= row["stored"] == 8 * entry.num_bytes / 2000
    ratios = content["compression_ratios"]
    original = sum(tensor.nbytes for tensor in tensors.values())
    assert ratios["bytes_on_disk"] == packed.stat().st_size / original
    assert ratios["entropy"] <= ratios["huffman"]


def test_budget_importance_and_penalty(model, tmp_path, capsys):
    path, tensors = model
    importance = {name: np.ones(x.shape, np.float32) for name, x in tensors.items()}
    write(tmp_path / "h.safetensors", importance)
    options = ["--importance", tmp_path / "h.safetensors", "--diameter-penalty", 5]
    assert command("quantize", path, "-o", tmp_path / "a", "--bits-per-weight", 3, *options) == 0
    with RdzFile(tmp_path / "a") as file:
        sizes = [file.read(name).sizes for name in ("a.weight", "b.weight", "c.weight")]
        clusters = {name: entry.num_clusters for name, entry in file.entries.items()}
    assert sum(s.huffman + s.codebook for s in sizes) / (2000 + 2400 + 1230) <= 3
    raw = sum(tensor.nbytes for name, tensor in tensors.items() if not name.endswith("weight"))
    assert 2.9 < 8 * ((tmp_path / "a").stat().st_size - raw) / (2000 + 2400 + 1230) <= 3
    assert clusters["c.weight"] > clusters["a.weight"]
    capsys.readouterr()
    del importance["b.weight"]
    write(tmp_path / "h.safetensors", importance)
    assert command("quantize", path, "-o", tmp_path / "b", *options) == 2
    assert "has no tensor 'b.weight'" in capsys.readouterr().err
    importance["b.weight"] = np.ones(3)
    write(tmp_path / "h.safetensors", importance)
    assert command("quantize", path, "-o", tmp_path / "b", *options) == 2
    assert "importance of 'b.weight' must have the shape (60, 40)" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["quantize", "MODEL", "-o", "OUT", "-k", 0], "num_clusters must be at least 1"),
        (["quantize", "MODEL", "-o", "OUT", "--coder", "zip"], "coder must be one of"),
        (["quantize", "MODEL", "-o", "OUT", "--include", "a*", "--exclude", "a*"], "no tensor to quantise"),
        (["quantize", "MODEL", "-o", "OUT", "--min-size", "10000"], "no tensor to quantise"),
        (["quantize", "MODEL", "-o", "OUT", "--bits-per-weight", "1e-5"], "bits_per_weight must be at least"),
        (["quantize", "MODEL", "-o", "MODEL"], "must not take the place"),
        (["quantize", "NONE", "-o", "OUT"], "cannot read"),
        (["quantize", "MODEL", "-o", "FOLDER"], "it is a folder"),
        (["dequantize", "MODEL", "-o", "BACK"], "is not a valid .rdz file"),
        (["quantize", "MODEL", "-o", "BACK"], "what is written is a .rdz file: take"),
        (["quantize", "MODEL", "-o", "BACK", "--dry-run"], "what is written is a .rdz file: take"),
        (["dequantize", "MODEL", "-o", "OUT"], "what is written is a safetensors file: take"),
        (["inspect", "MODEL"], "is not a valid .rdz file"),
        (["quantize", "MODEL"], "--out"),
    ],
)
def test_one_line_and_status_two(model, tmp_path, capsys, arguments, message):
    path, _ = model
    names = {"MODEL": path, "OUT": tmp_path / "out.rdz", "NONE": tmp_path / "none", "FOLDER": tmp_path}
    names["BACK"] = tmp_path / "back.safetensors"
    assert command(*[names.get(argument, argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == [path]


def test_weights_that_are_not_finite_are_named(tmp_path, capsys):
    write(tmp_path / "m", {"bad": np.full(2000, np.nan, np.float16)})
    assert command("quantize", tmp_path / "m", "-o", tmp_path / "out") == 2
    assert "no tensor to quantise: the weights of 'bad' are not finite" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
