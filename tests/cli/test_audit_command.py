"""``ratedist audit`` and ``ratedist verify --field``, as they are typed."""

import json
import math
import pathlib

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from ratedist.claims import field_numbers
from ratedist.cli.commands import main


def test_two_bits_at_too_small_an_error_are_refused(capsys) -> None:
    assert main(["audit", "--bits", "2", "--mse", "0.0612"]) == 1
    text = capsys.readouterr().out
    assert "2 bits allow an error of 0.0625" in text
    assert "below the limit by 0.0146 bit, and so impossible" in text
    # ½log₂(1/0.06125), since 0.0612 may have been so much.
    assert f"needed: {math.log2(1 / 0.06125) / 2:.4f} bits at least" in text
    assert "What may be missing" in text


@pytest.mark.parametrize(
    ("bits", "mse", "status"),
    [
        ("2", "0.0625", 0),
        ("2", "0.062", 0),  # it may have been 0.0625
        ("2", "0.0620", 1),
        ("2", "6.12e-2", 1),
        ("2.01", "0.0612", 0),  # it may have been 2.015
        ("2.0", "0.0612", 1),  # whole bits are exact
    ],
)
def test_digits_decide_for_the_claim(bits: str, mse: str, status: int, capsys) -> None:
    assert main(["audit", "--bits", bits, "--mse", mse]) == status
    assert ("impossible" in capsys.readouterr().out) == bool(status)


def test_a_possible_claim_has_its_distance(capsys) -> None:
    assert main(["audit", "--bits", "2", "--mse", "0.125", "--json"]) == 0
    claim = json.loads(capsys.readouterr().out)
    assert claim["rate"]["lower"] == pytest.approx(1.5)
    assert claim["decibels"] == pytest.approx(10 * math.log10(2))
    assert main(["audit", "--bits", "2", "--mse", "0.125"]) == 0
    assert "possible; 0.5000 bit, 3.01 dB, above the limit" in capsys.readouterr().out


def test_errors_at_the_ends_of_float64(tmp_path: pathlib.Path, capsys) -> None:
    """4⁻⁵⁰⁰ has no square in float64, nor have numbers of 10¹⁶⁰."""
    assert main(["audit", "--bits", "500", "--mse", "1e-290", "--json"]) == 0
    expected = 10 * (-290 + 1000 * math.log10(2))
    assert json.loads(capsys.readouterr().out)["decibels"] == pytest.approx(expected)
    claim = ["audit", "--bits", "1", "--source", str(tmp_path / "x.npy"), "--mse"]
    np.save(tmp_path / "x.npy", np.array([-1e148, 1e148, 1e148]))
    assert main([*claim, "1e295"]) == 0
    np.save(tmp_path / "x.npy", np.array([-1e160, 1e160, 1e160]))
    assert main([*claim, "1e300"]) == 2
    assert "variance in the range of float64" in capsys.readouterr().err


@pytest.mark.parametrize("source", [pytest.param("laplace", marks=pytest.mark.slow), "uniform"])
def test_other_sources_have_other_limits(source: str, capsys) -> None:
    """At one bit .2171224 and .2072354: 0.212 divides them."""
    assert main(["audit", "--bits", "1", "--mse", "0.2120", "--source", source]) == (source == "laplace")


def test_numbers_of_a_file(tmp_path: pathlib.Path, capsys) -> None:
    """Equal numbers of −1 and 1 in units of 3: without error one bit, which nobody saves."""
    np.save(tmp_path / "x.npy", np.tile(np.array([-3.0, 3.0], np.float32), 50))
    arguments = ["audit", "--source", str(tmp_path / "x.npy"), "--mse", "0.0900"]
    assert main([*arguments, "--bits", "0.99"]) == 0
    assert "0.0900, for the 100 numbers of" in capsys.readouterr().out
    assert main([*arguments, "--bits", "0.9"]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--bits 0 --mse 0.1", "bits must be one number above zero, got '0'"),
        ("--bits nan --mse 0.1", "bits must be one number above zero, got 'nan'"),
        ("--bits 2 --mse inf", "mse must be one number above zero, got 'inf'"),
        ("--bits 2 --mse some", "mse must be one number above zero, got 'some'"),
        ("--bits 2 --mse 0", "mse must be one number above zero, got '0'"),
        ("--bits 2 --mse 1.0", "mse must be below the variance of the source, 1, which needs no bits"),
        ("--bits 2 --mse 0.1 --source cauchy", "source must be gaussian, laplace, uniform, or a .npy file"),
        ("--bits 2 --mse 0.1 --source none.npy", "none.npy cannot be read as a .npy file"),
        ("--bits 2 --mse 0.1 --source one.npy", "one.npy holds one value only, 2, which needs no bits"),
        ("--bits 2 --mse 0.1 --source empty.npy", "empty.npy must hold finite numbers"),
        ("--bits 2 --mse 0.1 --source nan.npy", "nan.npy must hold finite numbers"),
        ("--bits 2 --mse 0.1 --source words.npy", "words.npy must hold real numbers"),
        ("--bits 2 --mse 0.1 --source text.npy", "text.npy cannot be read as a .npy file"),
        ("--bits 2", "audit needs --bits and --mse of a claim, or a .rdz file"),
        ("--bits 2 --mse 0.1 --weights one.npy", "--weights goes with a .rdz file"),
        ("model.rdz --bits 2", "not both"),
    ],
)
def test_what_is_no_claim_is_refused(
    arguments: str, words: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("one.npy", np.full(3, 2.0))
    np.save("empty.npy", np.empty(0))
    np.save("nan.npy", np.array([1.0, np.nan]))
    np.save("words.npy", np.array(["a", "b"]))
    pathlib.Path("text.npy").write_text("1 2 3")
    assert main(["audit", *arguments.split()]) == 2
    assert words in capsys.readouterr().err


@pytest.fixture
def model(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys) -> dict[str, np.ndarray]:
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    weights = {"layer": generator.normal(size=(64, 64)).astype(np.float32)}
    save_file(weights, "model.safetensors")
    assert main(["quantize", "model.safetensors", "-o", "model.rdz", "-k", "4"]) == 0
    capsys.readouterr()
    return weights


def test_a_file_alone_tells_the_limit_that_its_writer_found(model, capsys) -> None:
    assert main(["audit", "model.rdz", "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    layer = alone["layers"][0]
    assert main(["audit", "model.rdz", "--weights", "model.safetensors", "--json"]) == 0
    beside = json.loads(capsys.readouterr().out)
    # In the file it is rounded down to 1/4096 bit, and its error to that of a float.
    assert -3e-3 < layer["limit"] - beside["layers"][0]["limit"] < 1e-6
    size = alone["compressed_bytes"] + alone["raw_bytes"] + alone["other_bytes"]
    assert size == pathlib.Path("model.rdz").stat().st_size
    assert alone["bits"] == pytest.approx(8 * size / 4096)
    assert alone["gap"] == pytest.approx(alone["bits"] - alone["limit"])
    assert 1.8 < layer["entropy"] < layer["bits"] < 2.3
    assert layer["gaussian"] == pytest.approx(math.log2(np.mean(model["layer"] ** 2) / layer["mse"]) / 2)


def test_a_file_that_was_quantised_with_importances_has_limits_of_both_ends_that_know_them(
    model, capsys
) -> None:
    """Its importances are known to nobody who reads it, but to whoever has them."""
    generator = np.random.default_rng(1)
    importance = {"layer": generator.choice([0.1, 1.0, 5.0], size=(64, 64)).astype(np.float32)}
    save_file(importance, "importance.safetensors")
    command = "quantize model.safetensors -o weighted.rdz -k 4 --importance importance.safetensors"
    assert main(command.split()) == 0
    printed = capsys.readouterr().out
    assert main(["inspect", "weighted.rdz"]) == 0
    inspected = capsys.readouterr().out
    assert main(["audit", "weighted.rdz"]) == 0
    audited = capsys.readouterr().out
    for text in (printed, inspected, audited):
        assert "; limit" in text
        assert "both know the importances h: lower bounds" in text
    assert main(["audit", "weighted.rdz", "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)["layers"][0]
    command = "audit weighted.rdz --weights model.safetensors --importance importance.safetensors --json"
    assert main(command.split()) == 0
    layer = json.loads(capsys.readouterr().out)["layers"][0]
    assert layer["weighted"] is True
    # Gaussian weights, told the importance: ½ E log₂(h σ² / level), no level being above h σ².
    h = importance["layer"].astype(float)
    level = layer["mse"]
    for _ in range(100):
        level *= layer["mse"] / np.minimum(level, h).mean()
    bits = np.maximum(np.log2(h / level) / 2, 0).mean()
    assert layer["limit"] == pytest.approx(bits, abs=0.05)
    assert alone["limit"] == math.floor(layer["limit"] * 4096) / 4096
    assert layer["limit"] < layer["entropy"]


def test_a_file_beside_its_weights(model, capsys) -> None:
    """Four levels of Lloyd and Max for a Gaussian: .1175, hence 1.54 bits would do."""
    np.save("layer.npy", model["layer"])
    for original in ("model.safetensors", "layer.npy"):
        assert main(["audit", "model.rdz", "--weights", original, "--json"]) == 0
        audit = json.loads(capsys.readouterr().out)
        layer = audit["layers"][0]
        assert layer["mse"] == pytest.approx(0.1175, rel=0.06)
        assert layer["limit"] == pytest.approx(1.5447, abs=0.03)
        assert 0 <= layer["limit_upper"] - layer["limit"] < 1e-3
        assert layer["limit"] < layer["entropy"]
        assert audit["limit"] == layer["limit"]
    assert main(["audit", "model.rdz", "--weights", "model.safetensors"]) == 0
    assert "in all" in capsys.readouterr().out


def test_weights_of_another_model_are_refused(model, capsys) -> None:
    np.save("other.npy", np.arange(5.0))
    assert main(["audit", "model.rdz", "--weights", "other.npy"]) == 2
    assert "has 5 weights for 'layer', expected 4,096" in capsys.readouterr().err


def test_verdicts_on_the_field_are_written(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    few = tuple(one for one in field_numbers.FIELD if one.name in {'A "2-bit" report', "QTIP 3INST"})
    monkeypatch.setattr(field_numbers, "FIELD", few)
    assert main(["verify", "--field", "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "possible only with more bits than stated (2.0146)" in text
    rows = pd.read_csv(tmp_path / "field.csv")
    record = json.loads((tmp_path / "field.json").read_text())
    assert list(rows["verdict"]) == [one["verdict"] for one in record["numbers"]]
    assert len(rows) == 2
    assert main(["verify", "--field", "--only", "remark-2", "--out", str(tmp_path)]) == 2
    assert "--field has no claims" in capsys.readouterr().err
