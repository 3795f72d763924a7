"""What writing a file may replace, and what is left when it fails; answers by the operating system."""

import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest

from ratedist.files import (
    require_target,
    require_writable,
    scratch_file,
    write_together,
    written_beside,
)
from ratedist.files.writing import SUFFIX

posix = pytest.mark.skipif(os.name != "posix", reason="links, modes and pipes of POSIX")


def write(path, content=b"new"):
    with written_beside(path) as file:
        file.write(content)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def special(tmp_path, kind):
    path = tmp_path / "special"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    elif kind == "link to a folder":
        (tmp_path / "folder").mkdir()
        path.symlink_to("folder")
    elif kind == "link to itself":
        path.symlink_to(path)
    elif kind == "device":
        path = pathlib.Path("/dev/null")
    elif kind == "link to a device":
        path.symlink_to("/dev/null")
    elif kind == "stream":
        path = pathlib.Path("/dev/stdout")
    elif kind == "descriptor":
        path = pathlib.Path("/dev/fd/1")
    elif kind == "dash":
        path = pathlib.Path("-")
    elif kind == "missing folder":
        path = tmp_path / "missing" / "file"
    elif kind == "link into a missing folder":
        path.symlink_to("missing/file")
    elif kind == "below a file":
        (tmp_path / "plain").write_bytes(b"plain")
        path = tmp_path / "plain" / "file"
    return path


@posix
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("pipe", "it is a pipe, not a file"),
        ("folder", "it is a folder, not a file"),
        ("socket", "it is a socket, not a file"),
        ("device", "it is a device, not a file"),
        ("link to a folder", "it is a folder, not a file"),
        ("link to a device", "it is a device, not a file"),
        ("link to itself", "Too many levels of symbolic links"),
        ("stream", "not to a stream or a pipe"),
        ("descriptor", "not to a stream or a pipe"),
        ("dash", "not to a stream or a pipe"),
        ("missing folder", "there is no folder .*missing"),
        ("link into a missing folder", "there is no folder .*missing"),
        ("below a file", "Not a directory"),
    ],
)
def test_what_is_not_a_file_is_refused_and_stays(tmp_path, monkeypatch, kind, message):
    monkeypatch.chdir(tmp_path)
    path = special(tmp_path, kind)
    before = names(tmp_path), os.lstat(path) if os.path.lexists(path) else None
    for attempt in (
        lambda: require_target(path),
        lambda: write(path),
        lambda: write_together({tmp_path / "first": b"", path: b""}, create_folders=False),
    ):
        with pytest.raises(ValueError, match=f"cannot write to {path}: .*{message}|{message}"):
            attempt()
    after = names(tmp_path), os.lstat(path) if os.path.lexists(path) else None
    assert before[0] == after[0]
    assert before[1] is None or (before[1].st_ino, before[1].st_mode) == (after[1].st_ino, after[1].st_mode)


@posix
def test_links_are_followed(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("there/file")
    (tmp_path / "chain").symlink_to("link")
    (tmp_path / "dangling").symlink_to("there/other")
    write(tmp_path / "chain")
    write(tmp_path / "dangling", b"other")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "chain").is_symlink()
    assert (tmp_path / "dangling").is_symlink()
    assert (tmp_path / "there" / "file").read_bytes() == b"new"
    assert (tmp_path / "there" / "other").read_bytes() == b"other"
    assert names(tmp_path / "there") == ["file", "other"]


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_permissions_are_kept(tmp_path, mode):
    for path in (tmp_path / "one", tmp_path / "two"):
        path.write_bytes(b"old")
        path.chmod(mode)
    write(tmp_path / "one")
    write_together({tmp_path / "two": b"new"})
    assert [stat.S_IMODE(path.stat().st_mode) for path in sorted(tmp_path.iterdir())] == [mode, mode]


@posix
def test_new_files_obey_the_umask_which_is_not_touched(tmp_path, monkeypatch):
    before = os.umask(0o027)
    try:
        monkeypatch.setattr(os, "umask", None)  # of the whole process: threads that make files would see it
        write(tmp_path / "one")
        write_together({tmp_path / "two": b"new"})
    finally:
        monkeypatch.undo()
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in sorted(tmp_path.iterdir())] == [0o640, 0o640]


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write everywhere")
def test_what_must_not_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(0o400)
    with pytest.raises(ValueError, match="Permission denied"):
        write(tmp_path / "file")
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="Permission denied"):
        require_writable(tmp_path / "new" / "deeper")
    tmp_path.chmod(0o700)


def test_no_input_is_replaced(tmp_path):
    (tmp_path / "model").write_bytes(b"model")
    os.link(tmp_path / "model", tmp_path / "same")
    (tmp_path / "link").symlink_to("model")
    for name in ("model", "same", "link"):
        with pytest.raises(ValueError, match=r"must not take the place of the input .*model"):
            require_target(tmp_path / name, [tmp_path / "other", tmp_path / "model"])
    assert require_target(tmp_path / "result", [tmp_path / "model"]) == tmp_path.resolve() / "result"
    with pytest.raises(ValueError, match="must not take the place"):
        require_writable(tmp_path, ["result", "link"], iter([tmp_path / "model"]))


@posix
def test_two_files_do_not_share_a_place_before_either_is_there(tmp_path):
    (tmp_path / "link").symlink_to("result")
    for name in ("result", "link"):
        with pytest.raises(ValueError, match=r"must not take the place of the input .*result"):
            require_target(tmp_path / name, [tmp_path / "result"])
    assert names(tmp_path) == ["link"]


@posix
def test_a_name_that_is_too_long_is_refused_at_the_start(tmp_path):
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    with pytest.raises(ValueError, match=r"cannot write to .*: File name too long"):
        require_target(tmp_path / ("x" * (longest + 1)))
    write(tmp_path / ("x" * longest))
    assert names(tmp_path) == ["x" * longest]


def test_all_or_nothing(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(ValueError, match="it is a folder"):
        write_together({tmp_path / "a": b"new", tmp_path / "b": b"new", tmp_path / "c": b"new"})
    assert names(tmp_path) == ["a", "b"]
    assert (tmp_path / "a").read_bytes() == b"old"
    write_together({tmp_path / "a": b"new", tmp_path / "deeper" / "c": b"more"})
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "deeper" / "c").read_bytes() == b"more"


@posix
def test_a_full_disk_names_the_path(tmp_path):
    # A limit on the size of files fails where a full disk does, with another number.
    import resource

    (tmp_path / "a").write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    complaints = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        for size in (100_001, 300_000):  # seen when the last bytes are flushed, and in the middle
            for attempt in (
                lambda size=size: write(tmp_path / "a", bytes(size)),
                lambda size=size: write_together({tmp_path / "b": b"", tmp_path / "a": bytes(size)}),
            ):
                try:
                    attempt()
                except ValueError as error:
                    complaints.append(str(error))
        with scratch_file(tmp_path / "a") as file:
            try:
                file.write(bytes(300_000))
            except ValueError as error:
                complaints.append(str(error))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert complaints == [f"cannot write to {tmp_path / 'a'}: File too large"] * 5
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


@pytest.mark.parametrize("end", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_nothing(tmp_path, end):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(end), written_beside(tmp_path / "a") as file:  # noqa: PT012
        file.write(b"half")
        raise end
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


WAITING = """
import sys, time
from ratedist.interruption import end_on_signals
from ratedist.files import scratch_file, written_beside
end_on_signals()
with scratch_file(sys.argv[1]) as spool, written_beside(sys.argv[1]) as file:
    spool.write(bytes(10**5)); file.write(bytes(10**5))
    print("ready", flush=True)
    time.sleep(60)
"""


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signals_leave_nothing_that_the_next_file_does_not_clear(tmp_path, number):
    path = tmp_path / ("n" * 250)  # as long a name as there can be, and the temporary one is no longer
    waiting = [
        subprocess.Popen([sys.executable, "-c", WAITING, str(one)], stdout=subprocess.PIPE)
        for one in (path, path, tmp_path / "other")
    ]
    for process in waiting:
        assert process.stdout.readline() == b"ready\n"
    assert len(names(tmp_path)) == 3
    waiting[0].send_signal(number)
    waiting[0].wait()
    left = names(tmp_path)
    assert len(left) == (3 if number == signal.SIGKILL else 2)
    assert all(name.endswith(SUFFIX) for name in left)
    # Of those whose writers live nothing is removed.
    write(path)
    assert len(names(tmp_path)) == 3
    for process in waiting[1:]:
        process.send_signal(signal.SIGKILL)
        process.wait()
    write(path)
    write(tmp_path / "other")
    assert names(tmp_path) == sorted([path.name, "other"])
    for process in waiting:
        process.stdout.close()


def test_writers_of_one_file_at_once(tmp_path):
    """Whoever renames last wins; nobody removes what another is writing, and one content is there whole."""
    contents = [bytes([number]) * 10_000 for number in range(8)]
    failures = []

    def work(content):
        try:
            for _ in range(20):
                write(tmp_path / "file", content)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() in contents


def test_all_files_of_a_folder_are_asked_for(tmp_path):
    (tmp_path / "b.png").mkdir()
    assert require_writable(tmp_path / "new", ["a.png", "b.png"]) == tmp_path / "new"
    require_writable(tmp_path, ["a.png", "c.png"])
    with pytest.raises(ValueError, match=r"b\.png: it is a folder, not a file"):
        require_writable(tmp_path, ["a.png", "b.png"])


def test_asking_makes_and_removes_no_folder(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(pathlib.Path, "mkdir", None)
    monkeypatch.setattr(pathlib.Path, "rmdir", None)
    assert require_writable(tmp_path / "new" / "deeper") == tmp_path / "new" / "deeper"
    require_writable(tmp_path / "empty")
    assert names(tmp_path) == ["empty"]
    (tmp_path / "plain").write_bytes(b"")
    for path in (tmp_path / "plain", tmp_path / "plain" / "deeper"):
        with pytest.raises(ValueError, match=r"cannot write to .*plain.*: Not a directory"):
            require_writable(path)


@posix
def test_folders_that_are_links(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "dangling").symlink_to("nowhere")
    require_writable(tmp_path / "link" / "new")
    with pytest.raises(ValueError, match="dangling: No such file or directory"):
        require_writable(tmp_path / "dangling")


TOGETHER = """
import pathlib, sys
from ratedist.files import write_together
write_together({pathlib.Path(sys.argv[1]) / name: b"new" for name in "abcd"})
"""


@posix
def test_files_that_are_written_together_take_their_places_together(tmp_path):
    """While another process is at it, in the place of which we hold the folder, none does."""
    fcntl = pytest.importorskip("fcntl")
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with subprocess.Popen([sys.executable, "-c", TOGETHER, str(tmp_path)]) as process:
        while len(names(tmp_path)) < 4 and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.2)
        assert process.poll() is None
        assert all(name.endswith(SUFFIX) for name in names(tmp_path))
        os.close(folder)
        assert process.wait() == 0
    assert names(tmp_path) == ["a", "b", "c", "d"]
