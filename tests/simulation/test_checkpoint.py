"""Checkpoints: whole or refused, of the same run or refused with the difference, never the end of a run."""

import os
import pathlib
import warnings

import jax
import numpy as np
import pytest

import ratedist as rd
from ratedist.files.journal import decoded, encoded
from ratedist.files.lock import locked
from ratedist.simulation import checkpoint, identity
from ratedist.simulation.accumulation import BLOCK, Accumulation
from ratedist.simulation.checkpoint import TITLE, opened
from ratedist.simulation.trials import Column

IDENTITY = {"precision": ["float64", "float64"], "key": ["0 0", "0 0"]}
VALUES = np.random.default_rng(0).normal(size=(3 * BLOCK + 7, 2))


def state_of(count: int) -> Accumulation:
    state = Accumulation()
    state.add({"risk": Column(("a", "b"), VALUES[:count]), "rate/r": Column(("b",), VALUES[:count, 1:])})
    while state.fold():
        pass
    return state


def assert_same(first: Accumulation, second: Accumulation) -> None:
    assert first.num_trials == second.num_trials
    for quantity, moments in first.moments().items():
        for field in ("names", "count", *checkpoint.FIELDS):
            np.testing.assert_array_equal(
                getattr(moments, field), getattr(second.moments()[quantity], field), strict=False
            )


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """States of one, two and three blocks and a rest."""
    path = tmp_path / "state.bin"
    with opened(path, IDENTITY) as kept:
        for count in (BLOCK, 2 * BLOCK, 3 * BLOCK + 7):
            kept.save(state_of(count))
    return path


def read(path: pathlib.Path, expected=IDENTITY) -> Accumulation:
    with opened(path, expected) as kept:
        return kept.state


def test_round_trip(path: pathlib.Path) -> None:
    assert_same(read(path), state_of(3 * BLOCK + 7))
    assert read(path.with_name("another")).num_trials == 0
    assert [one.name for one in path.parent.iterdir()] == ["state.bin"]


def test_the_sums_do_not_depend_on_the_batches() -> None:
    whole = state_of(len(VALUES))
    for size in (1, 7, BLOCK - 1, BLOCK, 2 * BLOCK + 1):
        state = Accumulation()
        for start in range(0, len(VALUES), size):
            some = VALUES[start : start + size]
            state.add({"risk": Column(("a", "b"), some), "rate/r": Column(("b",), some[:, 1:])})
            while state.fold():
                pass
        assert_same(state, whole)


def test_a_changed_byte_costs_the_trials_of_its_record_at_most(path: pathlib.Path) -> None:
    whole = path.read_bytes()
    lines = whole[len(TITLE) :].split(b"\n\n")
    assert len(lines) == 4
    for number, held in ((1, 3 * BLOCK + 7), (2, 3 * BLOCK + 7), (3, 2 * BLOCK)):
        place = whole.index(lines[number]) + len(lines[number]) // 2
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.warns(UserWarning, match=rf"1 of 4 records are damaged.*goes on from trial {held}$"):
            state = read(path)
        assert_same(state, state_of(held))


def test_every_changed_byte_of_what_says_whose_it_is_is_seen(path: pathlib.Path) -> None:
    whole = path.read_bytes()
    end = whole.index(b"\n\n", len(TITLE) + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for place in range(end):
            if place == len(TITLE):
                continue  # a line feed before the record, beside that of the title
            path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
            with pytest.raises(ValueError, match=r"is (not )?a (whole )?simulation checkpoint"):
                checkpoint.Checkpoint(path, IDENTITY)


def test_a_record_that_is_cut_counts_as_never_written(path: pathlib.Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(read(path), state_of(2 * BLOCK))
        with opened(path, IDENTITY) as kept:
            kept.save(state_of(3 * BLOCK + 7))
        assert path.read_bytes().replace(b"\n\n\n", b"\n\n") == whole  # an empty line more


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"PK\x03\x04", b"\x93NUMPY", b"\x80\x04."])
def test_other_files_are_named_for_what_they_are_not(path: pathlib.Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a simulation checkpoint: it does not begin") as caught:
        read(path)
    assert "pickle" not in str(caught.value)


def test_a_checkpoint_of_an_earlier_version_is_refused_in_words(path: pathlib.Path) -> None:
    path.write_bytes(b"ratedist checkpoint 2\n" + bytes(40))
    with pytest.raises(ValueError, match="of format 2, and this version of ratedist reads 3: finish with"):
        read(path)


FORGED = [1, None, [], {"whole": 1}, {"whole": {}, "rest": {"risk": {"names": ["a"]}}}, {"whole": {}}]
FORGED += [{"whole": {}, "rest": {"q": {"names": ["a"], "type": "O", "values": ""}}}]
FORGED += [
    {"whole": {"q": {"names": ["a"], "count": 5} | dict.fromkeys(checkpoint.FIELDS, "AAAA")}, "rest": {}}
]


@pytest.mark.parametrize("record", FORGED)
def test_a_checksum_over_something_else(path: pathlib.Path, record) -> None:
    path.write_bytes(TITLE + encoded({"run": IDENTITY}) + encoded(record))
    with pytest.raises(ValueError, match="is not a simulation checkpoint: it holds something else"):
        read(path)
    path.write_bytes(TITLE + encoded({"run": record}))
    with pytest.raises(ValueError, match=r"it holds something else|belongs to another simulation"):
        read(path)


def test_a_run_of_another_kind_is_refused_with_the_difference(path: pathlib.Path) -> None:
    other = {"precision": ["float32", "float32"], "key": ["0 1", "0 1"], "n": ["80", "80"]}
    told = "precision: expected float32, found float64; key: expected 0 1, found 0 0; n: expected 80, found "
    with pytest.raises(ValueError, match=f"state.bin belongs to another simulation: {told}nothing$"):
        read(path, other)


MODEL = rd.GaussianLinearModel(16, rd.two_level_weights(6), 0.5, rd.ar1_covariance(6, 0.5))
RUNS = {
    "n": {"model": rd.GaussianLinearModel(17, MODEL.w_star, 0.5, MODEL.covariance)},
    "noise_variance": {"model": rd.GaussianLinearModel(16, MODEL.w_star, 0.25, MODEL.covariance)},
    "w_star": {"model": rd.GaussianLinearModel(16, 2 * MODEL.w_star, 0.5, MODEL.covariance)},
    "key": {"key": jax.random.key(1)},
    "kind of key": {"key": jax.random.key(0, impl="rbg")},
    "first trial": {"first_trial": 3},
    "compressor 'o'": {"compressors": {"o": rd.Oracle(alpha=0.31)}},
    "compressors": {"compressors": {"p": rd.Oracle(alpha=0.3)}},
    "sampler": {"sampler": "dataset"},
}


def identity_with(model=MODEL, key=None, compressors=None, sampler="erm", first_trial=0) -> identity.Identity:
    from ratedist.linear_model.samplers import arrays_of

    compressors = compressors or {"o": rd.Oracle(alpha=0.3)}
    prepared = {name: one.prepare(model) for name, one in compressors.items()}
    key = jax.random.key(0) if key is None else key
    return identity.identity_of(model, arrays_of(model), compressors, prepared, key, sampler, first_trial)


def test_whatever_determines_the_trials_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    known = identity_with()
    assert identity.differences(known, identity_with()) == []
    for name, change in RUNS.items():
        told = identity.differences(identity_with(**change), known)
        assert any(one.startswith(f"{name}: expected ") for one in told), (name, told)
    assert "noise_variance: expected 0.25, found 0.5" in identity.differences(
        identity_with(**RUNS["noise_variance"]), known
    )
    with monkeypatch.context() as patch:
        patch.setattr(identity, "LAW", identity.LAW + 1)
        assert identity.differences(identity_with(), known)[0].startswith("law of this package: expected ")
    with monkeypatch.context() as patch:
        patch.setattr(jax, "__version__", "0.0")
        assert identity.differences(identity_with(), known)[0].startswith("version of JAX: expected 0.0")
    with jax.threefry_partitionable(not jax.config.jax_threefry_partitionable):  # pyright: ignore[reportAttributeAccessIssue]
        assert identity.differences(identity_with(), known)[0].startswith("jax_threefry_partitionable")
    with jax.default_matmul_precision("bfloat16"):
        assert identity.differences(identity_with(), known)[0].startswith("jax_default_matmul_precision")
    with jax.enable_x64(False):
        assert "precision: expected float32, found float64" in identity.differences(identity_with(), known)


def test_a_full_disk_does_not_end_a_run(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    for count in (4, 1):  # added to, and written anew
        monkeypatch.setattr(checkpoint, "MOST_RECORDS", count)
        monkeypatch.setattr(checkpoint, "KEPT", count - 1)
        with opened(path, IDENTITY) as kept:
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", full)
                with pytest.warns(UserWarning, match=r"was not saved, and the run goes on: .*No space left"):
                    kept.save(state_of(3 * BLOCK + 8))
            assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("saved", [1, checkpoint.MOST_RECORDS])
def test_a_run_without_locks_saves_no_more_when_somebody_else_has_the_file(tmp_path, saved: int) -> None:
    """Nor when it is due to write the file anew: then records of both would be under its own name."""
    path, another = tmp_path / "state", tmp_path / "another"
    with opened(another, {"key": ["1", "1"]}) as other:
        other.save(state_of(3 * BLOCK))
    with opened(path, IDENTITY) as kept:
        for _ in range(saved):
            kept.save(state_of(BLOCK))
        before = another.read_bytes()
        os.replace(another, path)
        with pytest.warns(
            UserWarning, match="was not saved, and the run goes on: .*somebody else has changed"
        ):
            kept.save(state_of(2 * BLOCK))
        assert path.read_bytes() == before
        path.unlink()
        with pytest.warns(UserWarning, match="was not saved, and the run goes on: cannot write to"):
            kept.save(state_of(2 * BLOCK))
    assert list(tmp_path.iterdir()) == []


def test_a_record_of_another_run_is_not_believed(path: pathlib.Path) -> None:
    """Of the same compressors and with a checksum that is right."""
    another = path.with_name("another")
    with opened(another, {"key": ["1", "1"]}) as other:
        other.save(state_of(3 * BLOCK + 7))
    record = another.read_bytes().split(b"\n\n")[-1]
    path.write_bytes(path.read_bytes() + b"\n" + record)
    with pytest.raises(ValueError, match="is not a simulation checkpoint: it holds something else"):
        read(path)


def test_folders_are_not_made(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="there is no folder"), opened(tmp_path / "m" / "state", IDENTITY):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_file_stays_small(tmp_path: pathlib.Path) -> None:
    path, largest = tmp_path / "state", 0
    with opened(path, IDENTITY) as kept:
        for _ in range(200):
            kept.save(state_of(2 * BLOCK))
            largest = max(largest, len(decoded(path.read_bytes()).whole))
        kept.save(state_of(3 * BLOCK + 7))
    assert checkpoint.MOST_RECORDS <= largest <= checkpoint.MOST_RECORDS + 2  # the title counts as none
    assert_same(read(path), state_of(3 * BLOCK + 7))


def test_two_runs_at_once(path: pathlib.Path) -> None:
    model, run = rd.GaussianLinearModel(9, np.ones(6)), {"erm": rd.ERM()}
    path.unlink()
    with locked(path), pytest.raises(ValueError, match=f"state.bin is in use by process {os.getpid()} on "):
        rd.simulate(model, run, 256, jax.random.key(0), checkpoint_path=path)
    assert rd.simulate(model, run, 256, jax.random.key(0), checkpoint_path=path).num_trials == 256
