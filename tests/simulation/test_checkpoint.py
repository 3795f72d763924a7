"""Checkpoints: whole or refused, of the same law or refused, and never the end of a run."""

import hashlib
import io
import os
import pathlib

import jax
import numpy as np
import pytest

from ratedist.estimate import Moments
from ratedist.simulation import checkpoint

STATE = {"risk": Moments.of(("a", "b"), np.arange(12.0).reshape(6, 2))}
IDENTITY = checkpoint.fingerprint(np.arange(3.0), jax.random.key(0))


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "state.npz"
    checkpoint.save(path, IDENTITY, STATE)
    return path


def test_round_trip(path: pathlib.Path) -> None:
    back = checkpoint.load(path, IDENTITY)["risk"]
    assert (back.names, back.count) == (("a", "b"), 6)
    np.testing.assert_array_equal(back.difference_squares, STATE["risk"].difference_squares)
    assert checkpoint.load(path.with_name("another"), IDENTITY) == {}


def test_every_flipped_bit_and_every_cut_is_seen(path: pathlib.Path) -> None:
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"is not a (whole )?simulation checkpoint"):
            checkpoint.load(path, IDENTITY)
    for length in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"is not a (whole )?simulation checkpoint"):
            checkpoint.load(path, IDENTITY)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"PK\x03\x04", b"\x93NUMPY", b"\x80\x04."])
def test_other_files_are_named_for_what_they_are_not(path: pathlib.Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a simulation checkpoint") as caught:
        checkpoint.load(path, IDENTITY)
    assert "pickle" not in str(caught.value)


@pytest.mark.parametrize("header", [b"", b"[]", b"{}", b'{"fingerprint": "x", "quantities": {"risk": 1}}'])
def test_a_checksum_over_something_else(path: pathlib.Path, header: bytes) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, header=np.frombuffer(header, np.uint8))
    for content in (b"x", buffer.getvalue()):
        path.write_bytes(checkpoint.MAGIC + hashlib.sha256(content).digest() + content)
        with pytest.raises(ValueError, match="is not a simulation checkpoint: it holds something else"):
            checkpoint.load(path, IDENTITY)


def test_another_law_is_another_run(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def identity() -> str:
        return checkpoint.fingerprint(np.arange(3.0), jax.random.key(0))

    assert identity() == IDENTITY
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "LAW", checkpoint.LAW + 1)
        assert identity() != IDENTITY
    with monkeypatch.context() as patch:
        patch.setattr(jax, "__version__", "0.0")
        assert identity() != IDENTITY
    with jax.threefry_partitionable(not jax.config.jax_threefry_partitionable):  # pyright: ignore[reportAttributeAccessIssue]
        other = identity()
    with jax.default_matmul_precision("bfloat16"):
        assert identity() != IDENTITY
    assert other != IDENTITY
    with pytest.raises(ValueError, match="belongs to another simulation"):
        checkpoint.load(path, other)


def test_a_full_disk_does_not_end_a_run(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = path.read_bytes()
    with pytest.warns(UserWarning, match=r"was not saved, and the run goes on: .*No space left"):
        checkpoint.save(path, IDENTITY, STATE)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_folders_are_not_made(tmp_path: pathlib.Path) -> None:
    with pytest.warns(UserWarning, match="there is no folder"):
        checkpoint.save(tmp_path / "missing" / "state.npz", IDENTITY, STATE)
    assert list(tmp_path.iterdir()) == []
