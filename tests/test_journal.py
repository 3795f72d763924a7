"""Journals and locks: what a killed writer, a changed byte, a full disk and a second writer leave behind."""

import errno
import os
import pathlib
import resource
import signal
import subprocess
import sys

import pytest

from ratedist.files import lock as locks
from ratedist.files.journal import Appending, decoded, encoded
from ratedist.files.lock import InUseError, lock_of, locked

posix = pytest.mark.skipif(os.name != "posix", reason="locks and limits of POSIX")
RECORDS = [{"n": 1}, ["two", 2.5], {"long": "x" * 50}]
LINES = [encoded(record) for record in RECORDS]
HOLDER = """
import sys, time
from ratedist.files.lock import locked
with locked(sys.argv[1]):
    print("mine", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "journal"
    path.write_bytes(b"".join(LINES))
    return path


def test_what_is_appended_is_read(path: pathlib.Path) -> None:
    journal = Appending(path)
    journal.append(encoded("more"))
    journal.close()
    assert decoded(path.read_bytes()) == ([*RECORDS, "more"], 0, False)
    assert decoded(b"") == ([], 0, False)


def test_a_changed_bit_costs_the_record_that_it_is_in_and_no_other() -> None:
    whole = b"".join(LINES)
    ends = [sum(map(len, LINES[: count + 1])) for count in range(len(LINES))]
    for place in range(len(whole)):
        for bit in (0, 3, 7):
            changed = whole[:place] + bytes([whole[place] ^ (1 << bit)]) + whole[place + 1 :]
            found = decoded(changed)
            hit = next(number for number, end in enumerate(ends) if place < end)
            others = [record for number, record in enumerate(RECORDS) if number != hit]
            # A line feed before or behind a record may go without harm: the next has one of its own.
            assert found.whole in (others, RECORDS)
            assert found.whole == RECORDS or found.damaged + found.unfinished > 0


def test_every_cut_costs_the_last_record_at_most() -> None:
    whole = b"".join(LINES)
    for length in range(len(whole)):
        found = decoded(whole[:length])
        number = sum(length >= sum(map(len, LINES[: count + 1])) for count in range(len(LINES)))
        assert found.whole == RECORDS[:number]
        assert found.damaged == 0


def test_a_line_without_an_end_is_removed_before_the_next(path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])
    journal = Appending(path)
    journal.append(encoded("next"))
    journal.close()
    assert decoded(path.read_bytes()) == ([*RECORDS[:-1], "next"], 0, False)


@posix
def test_a_full_disk_leaves_what_was_there(path: pathlib.Path) -> None:
    """The limit on the size of a file is met in the middle of a record."""
    before = path.read_bytes()
    journal = Appending(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, limits[1]))
    try:
        with pytest.raises(ValueError, match=r"cannot write to .*journal: File too large"):
            journal.append(encoded("x" * 1000))
        assert path.read_bytes() == before
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    journal.append(encoded("room again"))
    journal.close()
    assert decoded(path.read_bytes()).whole[-1] == "room again"


def test_nothing_is_appended_behind_the_words_of_somebody_else(path: pathlib.Path) -> None:
    """Without locks two may have a file open: the second to write sees that it is not alone."""
    one, two = (Appending(path) for _ in range(2))
    one.append(encoded("one"))
    with pytest.raises(ValueError, match="somebody else has changed it"):
        two.append(encoded("two"))
    path.write_bytes(b"".join(LINES))  # another file of the same length may come by renaming only
    os.replace(path, path.with_name("old"))
    with pytest.raises(ValueError, match=r"cannot write to .*No such file"):
        one.append(encoded("three"))
    one.close()
    two.close()


@posix
def test_a_second_process_is_refused_and_a_dead_one_keeps_nobody_out(path: pathlib.Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "mine\n"
        refused = pytest.raises(InUseError, match=f"journal is in use by process {process.pid} on .*: wait")
        with refused, locked(path):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert lock_of(path).exists()
    with locked(path):
        assert lock_of(path).read_text().startswith(f"process {os.getpid()} on ")
        with pytest.raises(InUseError), locked(path):
            pass
    assert [one.name for one in path.parent.iterdir()] == ["journal"]


def test_a_link_and_a_long_name_are_locked_as_the_file_they_name(tmp_path: pathlib.Path) -> None:
    long = tmp_path / ("x" * 255)
    (tmp_path / "link").symlink_to(long)
    with locked(long), pytest.raises(InUseError), locked(tmp_path / "link"):
        pass


@pytest.mark.parametrize("content", [b"precious\n", b"[[package]]\n", b"process"])
def test_a_file_of_somebody_in_the_place_of_the_lock_is_left_alone(tmp_path, content: bytes) -> None:
    """Beside ``poetry`` there may be a ``poetry.lock``; only what a killed process left is taken over."""
    path, beside = tmp_path / "poetry", tmp_path / "poetry.lock"
    beside.write_bytes(content)
    if content == b"process":  # the beginning of what a lock says
        with locked(path):
            pass
        assert not beside.exists()
        return
    with pytest.raises(ValueError, match=r"cannot lock .*poetry: .*poetry\.lock is no lock of"), locked(path):
        pass
    assert beside.read_bytes() == content


def test_a_folder_in_the_place_of_the_lock_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "state.lock").mkdir()
    with pytest.raises(ValueError, match=r"cannot write to .*state\.lock: "), locked(tmp_path / "state"):
        pass


@posix
def test_where_there_are_no_locks_nothing_is_locked(path: pathlib.Path, monkeypatch) -> None:
    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", none)
    with locked(path), locked(path):
        pass


def test_a_folder_that_cannot_be_written_to_is_an_error_in_words(tmp_path: pathlib.Path) -> None:
    missing = tmp_path / "missing" / "file"
    with pytest.raises(ValueError, match=r"cannot write to .*No such file"), locked(missing):
        pass
