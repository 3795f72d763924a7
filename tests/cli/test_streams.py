"""What a command says arrives, whatever its streams and the names are; outputs never replace inputs."""

import os
import pathlib
import subprocess
import sysconfig

import numpy as np
import pytest

from ratedist import interruption
from ratedist.cli import main
from ratedist.container import Entry, RdzFile, encode_header, write_tensor_file
from ratedist.container.dtypes import to_bytes
from ratedist.tensors import inspection

RATEDIST = pathlib.Path(sysconfig.get_path("scripts")) / "ratedist"


@pytest.fixture
def model(tmp_path):
    weights = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32)
    entries = {"é.w": Entry("F32", weights.shape)}
    write_tensor_file(tmp_path / "model", entries, encode_header(entries), lambda _: [to_bytes(weights)])
    return tmp_path / "model"


def run(*arguments, **options):
    return subprocess.run([RATEDIST, *arguments], stdin=subprocess.DEVNULL, timeout=300, **options)


@pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX")
@pytest.mark.parametrize(
    "closed",
    [*(pytest.param(one, marks=pytest.mark.slow) for one in ("2>&-", ">&-")), "<&- >&- 2>&-"],
)
def test_closed_streams(model, tmp_path, closed):
    shell = ["sh", "-c", f'exec "$0" "$@" {closed}', RATEDIST]
    done = subprocess.run(
        [*shell, "quantize", model, "-k", "2", "-o", tmp_path / "out"], capture_output=True, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, b"")
    with RdzFile(tmp_path / "out") as file:
        file.verify()


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("utf-8", marks=pytest.mark.slow)])
def test_signs_that_an_encoding_lacks_and_a_name_that_is_no_text(model, tmp_path, encoding):
    place = os.fsencode(tmp_path) + b"/\xff"
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    try:
        done = run("quantize", model, "-k", "2", b"-o", place, capture_output=True, env=environment)
    except OSError:
        pytest.skip("the file system has texts for names")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (rb"\xe9.w" if encoding == "ascii" else "é.w".encode()) in done.stdout
    assert b"written: " in done.stdout
    assert rb"/\udcff, " in done.stdout
    assert os.path.exists(place)


def test_a_signal_during_the_verification_does_not_deny_the_file(model, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(interruption, "_kept", None)
    monkeypatch.setattr(inspection, "inspect_file", lambda path: said.append(interruption.remains()))
    with pytest.raises(TypeError):  # of what it did not say
        main(["quantize", str(model), "-o", str(tmp_path / "out")])
    assert said == [f"{tmp_path / 'out'} was written"]


def test_a_complaint_is_one_line(capsys):
    assert main(["inspect", "nowhere\n\x1b[31m"]) == 2
    assert capsys.readouterr().err == "ratedist: cannot read nowhere\\n\\x1b[31m: No such file or directory\n"


@pytest.mark.parametrize(
    ("command", "name"), [("figure2", "figure2.csv"), ("diameter", "diameter.png"), ("verify", "verify.json")]
)
def test_an_output_does_not_replace_the_model_that_is_read(tmp_path, capsys, command, name):
    np.save(tmp_path / "w.npy", np.ones(6))
    content = (tmp_path / "w.npy").read_bytes()
    os.link(tmp_path / "w.npy", tmp_path / name)
    arguments = ["--w-star", tmp_path / "w.npy", "--n", 20, "--out", tmp_path]
    arguments += {"figure2": ["--max-clusters", 2], "diameter": ["--clusters", 2], "verify": []}[command]
    assert main([command, *map(str, arguments)]) == 2
    assert "must not take the place of the input" in capsys.readouterr().err
    assert (tmp_path / "w.npy").read_bytes() == content


def test_a_figure_that_cannot_be_written_is_found_before_networks_are_trained(tmp_path, capsys):
    pytest.importorskip("optax")
    (tmp_path / "digits" / "figure6.pdf").mkdir(parents=True)
    assert main(["digits", "--out", str(tmp_path), "--networks", str(tmp_path / "networks")]) == 2
    assert "figure6.pdf: it is a folder, not a file" in capsys.readouterr().err
    assert not (tmp_path / "networks").exists()


def test_a_checkpoint_and_a_result_have_places_of_their_own(tmp_path, capsys):
    arguments = ["--d", 5, "--n", 20, "--max-clusters", 2, "--out", tmp_path]
    arguments += ["--checkpoint", tmp_path / "figure2.csv"]
    assert main(["figure2", *map(str, arguments)]) == 2
    assert "must not take the place of the input" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
