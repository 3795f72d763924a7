"""Models on disk: what stays as it is and why, what is refused, what a small file may become."""

import hashlib
import json
import math
import os

import ml_dtypes
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from ratedist.cli import main
from ratedist.container import (
    Entry,
    QuantizedTensor,
    RdzFile,
    RdzWriter,
    TensorFile,
    encode_header,
    write_tensor_file,
)
from ratedist.container.dtypes import dtype_name, to_bytes
from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_format import header_of
from ratedist.container.rdz_index import encode_index
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.inspection import inspect_file
from ratedist.tensors.model_file import dequantize_file, quantize_file

pytestmark = pytest.mark.usefixtures("some_limit")

SINGLE = np.dtype(np.float32)
rng = np.random.default_rng(0)


def write(path, tensors, packed=None):
    """Arrays, and bytes of dtypes that NumPy has not."""
    packed = packed or {}
    entries = {name: Entry(dtype_name(x.dtype), x.shape) for name, x in tensors.items()}
    entries |= {name: entry for name, (entry, _) in packed.items()}
    data = {name: to_bytes(x) for name, x in tensors.items()} | {
        name: raw for name, (_, raw) in packed.items()
    }
    write_tensor_file(path, entries, encode_header(entries), lambda name: [data[name]])


def weights(*shape):
    return rng.normal(size=shape).astype(np.float32)


def test_tensors_that_are_not_finite_stay_as_they_are(tmp_path):
    bad = {"nan": weights(40, 50), "mask": np.triu(weights(50, 50))}
    bad["nan"][3, 4] = np.nan
    bad["mask"][np.tril_indices(50, -1)] = -np.inf
    write(tmp_path / "m", {"good": weights(40, 50), **bad})
    with pytest.warns(UserWarning, match="the weights of 'mask', 'nan' are not finite, and left as they are"):
        report = quantize_file(tmp_path / "m", tmp_path / "r", QuantizationConfig(num_clusters=4))
    assert {one.name: one.reason for one in report.outcomes if one.reason} == dict.fromkeys(
        bad, "NaN or infinite weights"
    )
    with RdzFile(tmp_path / "r") as file:
        assert file.entries["good"].num_clusters == 4
        for name, array in bad.items():
            np.testing.assert_array_equal(file.read(name), array)
    with pytest.warns(UserWarning, match="not finite"):
        quantize_file(tmp_path / "m", tmp_path / "r", QuantizationConfig(bits_per_weight=4.0))
    with RdzFile(tmp_path / "r") as file:
        assert file.entries["good"].coder is not None
        assert file.entries["nan"].coder is None


@pytest.mark.parametrize(
    ("h", "message"),
    [
        (None, r"has no tensor 'bn.running_mean', .*--exclude 'bn.running_mean'"),
        (np.full(2000, np.nan), r"importance of 'bn.running_mean' must be finite .*--exclude"),
        (np.full(2000, -1.0), r"importance of 'bn.running_mean' must be finite and at least 0"),
        (np.zeros(2000), r"must be positive for at least one weight, got all zero .*--exclude"),
        (np.ones(1999), r"must have the shape \(2000,\)"),
    ],
)
def test_importances_are_looked_at_before_anything_is_computed(tmp_path, monkeypatch, h, message):
    write(tmp_path / "m", {"a": weights(2000), "bn.running_mean": weights(2000)})
    given = {"a": np.ones(2000)} | ({} if h is None else {"bn.running_mean": h})
    write(tmp_path / "h", given)
    monkeypatch.setattr("ratedist.tensors.model_file.compress_tensor", None)
    with pytest.raises(ValueError, match=message):
        quantize_file(
            tmp_path / "m", tmp_path / "r", QuantizationConfig(num_clusters=4), importance=tmp_path / "h"
        )
    monkeypatch.undo()
    config = QuantizationConfig(num_clusters=4, exclude=("bn.*",))
    quantize_file(tmp_path / "m", tmp_path / "r", config, importance=tmp_path / "h")


def test_narrow_dtypes_are_copied_and_alone_are_explained(tmp_path):
    raw = bytes(range(256)) * 4
    packed = {"packed": (Entry("F4", (2048,)), raw), "six": (Entry("F6_E3M2", (4, 8)), raw[:24])}
    narrow = {
        name: np.frombuffer(raw, np.uint8).view(dtype)
        for name, dtype in {
            "scale": ml_dtypes.float8_e8m0fnu,
            "fnuz": ml_dtypes.float8_e4m3fnuz,
            "fnuz5": ml_dtypes.float8_e5m2fnuz,
            "e4m3": ml_dtypes.float8_e4m3fn,
        }.items()
    }
    write(tmp_path / "m", {"w": weights(2000), **narrow}, packed)
    quantize_file(tmp_path / "m", tmp_path / "r", QuantizationConfig(num_clusters=4))
    inspect_file(tmp_path / "r")
    dequantize_file(tmp_path / "r", tmp_path / "back")
    with TensorFile(tmp_path / "m") as before, TensorFile(tmp_path / "back") as after:
        for name, entry in before.entries.items():
            assert (entry.dtype, entry.shape) == (after.entries[name].dtype, after.entries[name].shape)
            assert name == "w" or before.read_bytes(name) == after.read_bytes(name)
    write(tmp_path / "m", narrow, packed)
    with pytest.raises(
        ValueError, match=r"F4, F6_E3M2, F8_E4M3, .* are quantised already.*save the model in BF16"
    ):
        quantize_file(tmp_path / "m", tmp_path / "r", QuantizationConfig(num_clusters=4))


def test_small_tensors_in_double_precision_are_not_called_quantised(tmp_path):
    write(tmp_path / "m", {"w": np.zeros(9)})
    with pytest.raises(
        ValueError, match=r"with at least 1024 weights \(min_size\) and no fewer blocks.*$"
    ) as told:
        quantize_file(tmp_path / "m", tmp_path / "r", QuantizationConfig(num_clusters=4))
    assert "already" not in str(told.value)


def test_a_file_that_is_quantised_already(tmp_path):
    write(tmp_path / "m", {"w": weights(2000)})
    quantize_file(tmp_path / "m", tmp_path / "r", QuantizationConfig(num_clusters=4))
    with pytest.raises(ValueError, match=r"is a .rdz file, quantised already"):
        quantize_file(tmp_path / "r", tmp_path / "s", QuantizationConfig(num_clusters=4))


def test_results_in_the_place_of_an_input(tmp_path):
    write(tmp_path / "m", {"w": weights(2000)})
    write(tmp_path / "h", {"w": np.ones(2000)})
    os.link(tmp_path / "h", tmp_path / "same")
    for out in ("m", "h", "same"):
        with pytest.raises(ValueError, match="must not take the place of the input"):
            quantize_file(
                tmp_path / "m", tmp_path / out, QuantizationConfig(num_clusters=4), importance=tmp_path / "h"
            )
    quantize_file(tmp_path / "m", tmp_path / "r", QuantizationConfig(num_clusters=4))
    with pytest.raises(ValueError, match="must not take the place of the input"):
        dequantize_file(tmp_path / "r", tmp_path / "r")


def test_a_small_file_that_becomes_a_large_one(tmp_path, capsys):
    """A hundred thousand bytes of code for one label: 819 MB of double precision."""
    size = 100_000 * 1024
    data = bytes(100_000) + np.ones(1, "<f4").tobytes() + np.array([size], "<u4").tobytes()
    digest = hashlib.sha256(data).digest()
    entry = RdzEntry("F64", (size,), digest, (), "huffman", 0, "float32", (1,), "U32")
    index = encode_index({}, {"w": entry})
    header = header_of(len(data), index)
    (tmp_path / "r").write_bytes(len(header).to_bytes(8, "little") + header + data + index)
    assert os.path.getsize(tmp_path / "r") < 101_000
    for attempt in (
        lambda: dequantize_file(tmp_path / "r", tmp_path / "out"),
        lambda: dequantize_file(tmp_path / "r", tmp_path / "out", max_bytes=8 * size - 1),
    ):
        with pytest.raises(ValueError, match=r"would become 819,200,000 bytes; allow more than"):
            attempt()
    assert main(["dequantize", str(tmp_path / "r"), "-o", str(tmp_path / "out")]) == 2
    assert "would become 819,200,000 bytes" in capsys.readouterr().err
    assert (
        main(["dequantize", str(tmp_path / "r"), "-o", str(tmp_path / "out"), "--max-megabytes", "800"]) == 2
    )
    assert "allow more than 800,000,000" in capsys.readouterr().err
    assert main(["inspect", str(tmp_path / "r")]) == 0
    assert "reconstructed 819,200,000" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_many_small_tensors_are_what_they_are_one_by_one(tmp_path):
    tensors = {f"t{index}": weights(*shape) for index, shape in enumerate([(33, 32), (5, 7), (80, 60)] * 10)}
    write(tmp_path / "m", {**tensors, "raw": np.arange(5)})
    quantize_file(tmp_path / "m", tmp_path / "r", QuantizationConfig(num_clusters=6, min_size=1))
    dequantize_file(tmp_path / "r", tmp_path / "back")
    with RdzFile(tmp_path / "r") as file, TensorFile(tmp_path / "back") as back:
        assert back.entries.keys() == {*tensors, "raw"}
        for name in tensors:
            np.testing.assert_array_equal(back.read(name), file.read(name).reconstruction())
            assert np.unique(back.read(name)).size == 6


def test_one_damaged_tensor_among_many_is_named(tmp_path):
    with RdzWriter(tmp_path / "r") as writer:
        for index in range(30):
            labels = rng.integers(0, 4, 500).astype(np.uint8)
            writer.add(f"t{index}", QuantizedTensor(labels, np.arange(4.0, dtype=np.float32), (500,), SINGLE))
    content = bytearray((tmp_path / "r").read_bytes())
    with RdzFile(tmp_path / "r") as file:
        content[file.entries["t7"].places[0] + 5] ^= 1
    (tmp_path / "r").write_bytes(content)
    with pytest.raises(ValueError, match="the data of 't7' are damaged"):
        dequantize_file(tmp_path / "r", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def hostile(tmp_path):
    labels, centers = np.zeros(1, np.uint8), np.ones(1, np.float32)
    extreme = QuantizedTensor(labels, centers, (1,), SINGLE, 5e-324, True, 1.7e308)
    with RdzWriter(tmp_path / "r") as writer:
        writer.add("\x1b[2J\x1b[1;31mgone\x07", extreme)
        writer.add_raw("two\nlines\u202e", np.zeros(2))
    return tmp_path / "r"


def test_names_cannot_speak_to_the_terminal(hostile, capsys):
    assert main(["inspect", str(hostile)]) == 0
    text = capsys.readouterr().out
    assert "\\x1b[2J\\x1b[1;31mgone\\x07" in text
    assert "two\\nlines\\u202e" in text
    assert all(character.isprintable() or character == "\n" for character in text)
    assert main(["inspect", str(hostile), "--json"]) == 0
    text = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in text)
    rows = {
        row["name"]: row for row in json.loads(text, parse_constant=lambda name: pytest.fail(name))["tensors"]
    }
    row = rows["\x1b[2J\x1b[1;31mgone\x07"]
    assert row["signal_to_noise"] == pytest.approx(10 * (math.log10(1.7e308) - math.log10(5e-324)))
    assert row["weighted"] is True


def test_the_diameter_of_a_large_codebook_is_bounded_or_asked_for(tmp_path, capsys):
    """Of points on a sphere in twelve dimensions none can be left out."""
    points = rng.normal(size=(6000, 12))
    points = (points / np.linalg.norm(points, axis=1)[:, None]).astype(np.float32)
    with RdzWriter(tmp_path / "r") as writer:
        for name, centers in (
            ("sphere", points),
            ("few", points[:2000]),
            ("cloud", points[:3000] * rng.normal(size=(3000, 1)).astype(np.float32)),
        ):
            labels = np.arange(len(centers)).astype(np.uint16)
            writer.add(name, QuantizedTensor(labels, centers, (12 * len(centers),), SINGLE))
    assert main(["inspect", str(tmp_path / "r"), "--json"]) == 0
    bounded = {row["name"]: row["diameter"] for row in json.loads(capsys.readouterr().out)["tensors"]}
    assert bounded["sphere"] is None
    with RdzFile(tmp_path / "r") as file:
        brute = {name: pdist(file.read(name).codebook.astype(float)).max() for name in file.entries}
    for name in ("few", "cloud"):
        assert bounded[name] == pytest.approx(brute[name], rel=1e-12)
    assert main(["inspect", str(tmp_path / "r"), "--json", "--diameter"]) == 0
    found = [row["diameter"] for row in json.loads(capsys.readouterr().out)["tensors"]]
    assert found == pytest.approx([brute["cloud"], brute["few"], brute["sphere"]], rel=1e-12)


def test_a_checksum_is_not_kept_beside_other_weights(tmp_path):
    """Saved by us, quantised and dequantised, a model is not called damaged; its other metadata stay."""
    from ratedist.networks import load_parameters, save_parameters

    parameters = {"layer": weights(40, 50), "bias": weights(50)}
    save_parameters(tmp_path / "m.safetensors", parameters, {"author": "me"})
    quantize_file(tmp_path / "m.safetensors", tmp_path / "m.rdz", 4)
    dequantize_file(tmp_path / "m.rdz", tmp_path / "back.safetensors")
    back = load_parameters(tmp_path / "back.safetensors", like=parameters)
    assert len(np.unique(back["layer"])) == 4
    np.testing.assert_array_equal(back["bias"], parameters["bias"])
    with TensorFile(tmp_path / "back.safetensors") as file:
        assert file.metadata == {"author": "me"}
