"""Compiled programs are kept where a user's caches are, and nothing depends on it."""

import contextlib
import os
import pathlib
import stat
import subprocess
import sys
import warnings
import zlib

import pytest

from ratedist import compilation_cache
from ratedist.compilation_cache import keep_compilations, remove_oldest, remove_torn

FOLDER = "JAX_COMPILATION_CACHE_DIR"
# One program, compiled by XLA if it was not read; at every line that comes, as by a process that begins.
COMPILING = """
import os, sys
from ratedist.compilation_cache import keep_compilations
keep_compilations()
import jax, numpy as np
seen, hit = [], "/jax/compilation_cache/cache_hits"
jax.monitoring.register_event_listener(lambda event, **rest: seen.append(event))
def compute():
    seen.clear()
    result = jax.jit(lambda x: x * 3 + 1)(np.arange(3.0, dtype=np.float32))
    print(result, seen.count(hit), flush=True)
compute()
for line in sys.stdin:
    del os.environ["JAX_COMPILATION_CACHE_DIR"]
    keep_compilations()
    jax.clear_caches()
    compute()
"""


@pytest.fixture(autouse=True)
def no_folder_yet(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv(FOLDER, "")  # put back at the end, whatever is set meanwhile
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    monkeypatch.delenv(FOLDER)
    monkeypatch.delenv(compilation_cache.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "platform", "linux")


def chosen() -> pathlib.Path | None:
    with warnings.catch_warnings():
        keep_compilations()
    return pathlib.Path(os.environ[FOLDER]) if FOLDER in os.environ else None


def test_it_is_in_the_place_of_the_platform(monkeypatch, tmp_path) -> None:
    folder = chosen()
    assert folder is not None
    assert folder.parent == tmp_path / "xdg" / "ratedist"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for platform, home in {"linux": ".cache", "darwin": "Library/Caches", "win32": "AppData/Local"}.items():
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
        monkeypatch.delenv("LOCALAPPDATA", raising=False)
        monkeypatch.delenv(FOLDER)
        folder = chosen()
        assert folder is not None
        assert folder.parent == tmp_path / "home" / home / "ratedist"


def test_a_variable_names_another_folder_or_none(monkeypatch, tmp_path) -> None:
    for off in ("off", "OFF", "0", "no"):
        monkeypatch.setenv(compilation_cache.VARIABLE, off)
        assert chosen() is None
    monkeypatch.setenv(compilation_cache.VARIABLE, str(tmp_path / "mine"))
    folder = chosen()
    assert folder is not None
    assert folder.parent == tmp_path / "mine"
    assert not (tmp_path / "xdg").exists()


def test_a_folder_of_jax_is_left_as_it_is(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv(FOLDER, "elsewhere")
    assert chosen() == pathlib.Path("elsewhere")
    assert not (tmp_path / "xdg").exists()


def test_where_it_cannot_be_nothing_is_said(monkeypatch, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    for impossible in (tmp_path / "file", pathlib.Path("/proc/nowhere"), tmp_path / ("x" * 300)):
        monkeypatch.setenv(compilation_cache.VARIABLE, str(impossible))
        assert chosen() is None
    monkeypatch.delenv(compilation_cache.VARIABLE)
    with monkeypatch.context() as read_only:
        read_only.setattr(os, "access", lambda *_: False)
        assert chosen() is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners of files")
@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_that_others_write_to_is_refused(monkeypatch, mode: int) -> None:
    """What is in it is run: another user could have it run anything."""
    folder = chosen()
    assert folder is not None
    monkeypatch.delenv(FOLDER)
    folder.chmod(mode)
    assert chosen() is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners of files")
def test_a_folder_where_others_can_put_another_is_refused(monkeypatch, tmp_path) -> None:
    folder = chosen()
    assert folder is not None
    place = folder.parent
    for mode, kept in {0o777: False, 0o1777: True}.items():  # as /tmp has, where each keeps his own
        monkeypatch.delenv(FOLDER, raising=False)
        place.chmod(mode)
        assert (chosen() == folder) == kept
    place.chmod(0o700)
    monkeypatch.delenv(FOLDER)
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    (elsewhere / "mine-cache").write_bytes(b"")
    assert chosen() is None
    assert (elsewhere / "mine-cache").exists()
    folder.unlink()
    owner = place.stat().st_uid
    with monkeypatch.context() as stranger:  # whose folder it is not
        stranger.setattr(os, "getuid", lambda: owner + 1)
        assert chosen() is None


def test_names_that_jax_cannot_take_and_homes_that_are_nowhere(monkeypatch, tmp_path) -> None:
    """JAX ends with a ``TypeError`` at a name that is not Unicode, and a folder here is nobody's cache."""
    monkeypatch.chdir(tmp_path)
    for name, home in [("\udcff", str(tmp_path)), ("", "relative"), ("", "\udcff")]:
        monkeypatch.setenv("XDG_CACHE_HOME", name and str(tmp_path / name))
        monkeypatch.setenv("HOME", home)
        assert chosen() is None
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv(compilation_cache.VARIABLE, "~/mine")
    folder = chosen()
    assert folder is not None
    assert folder.parent == tmp_path / "home" / "mine"


def test_the_oldest_go_when_it_is_full(tmp_path) -> None:
    """Of all machines together: what a processor was called before is never looked at again."""
    for age in range(10):
        path = tmp_path / f"jax-{age % 2}" / f"jit_{age}-cache"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(100))
        os.utime(path, (1000 - age, 1000 - age))
    others = [tmp_path / "jax-0" / "something else", tmp_path / "not-ours" / "x-cache"]
    for other in others:
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(bytes(1000))
    remove_oldest(tmp_path, 1000)
    assert len(list(tmp_path.glob("jax-*/*-cache"))) == 10
    remove_oldest(tmp_path, 999)
    left = sorted(path.name for path in tmp_path.glob("jax-*/*-cache"))
    assert left == [f"jit_{age}-cache" for age in range(4)]
    assert all(other.exists() for other in others)


def test_what_is_torn_goes_before_it_is_read(tmp_path) -> None:
    whole = zlib.compress(bytes(range(256)) * 10)
    flipped = whole[:20] + bytes([whole[20] ^ 1]) + whole[21:]
    entries = {
        "whole": whole,
        "half": whole[:50],
        "flipped": flipped,
        "empty": b"",
        "zeros": bytes(2000),  # a file whose length alone was on the disk when the power went
    }
    expected = {"whole-cache"}
    with contextlib.suppress(ImportError):
        import zstandard

        entries["zstd"] = zstandard.compress(bytes(range(256)) * 10)
        entries["half zstd"] = entries["zstd"][:50]
        expected.add("zstd-cache")
    for name, content in entries.items():
        (tmp_path / f"{name}-cache").write_bytes(content)
    remove_torn(tmp_path)
    assert {path.name for path in tmp_path.glob("*-cache")} == expected
    old = tmp_path / "half-cache"
    old.write_bytes(whole[:50])
    os.utime(old, (1000, 1000))
    remove_torn(tmp_path)  # looks at new ones only
    assert old.exists()


def test_two_processes_and_a_damaged_entry(tmp_path) -> None:
    """Both compute, whoever writes first; a damaged entry is compiled instead, and written anew."""
    command = [sys.executable, "-W", "error", "-c", COMPILING]
    environment = {**os.environ, "XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"}

    def start() -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def again() -> str:
        """What the first process computes as if it had just begun: what it has read, it has forgotten."""
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write("\n")
        first.stdin.flush()
        return first.stdout.readline().strip()

    with start() as first, start() as second:
        assert first.stdout is not None
        results = [first.stdout.readline(), *second.communicate(timeout=300)]
        assert [one[:10] for one in results] == ["[1. 4. 7.]", "[1. 4. 7.]", ""]
        folder = next((tmp_path / "xdg" / "ratedist").iterdir())
        entries = list(folder.glob("*-cache"))
        assert entries
        assert again() == "[1. 4. 7.] 1"
        for entry in entries:
            entry.write_bytes(entry.read_bytes()[:100])
            os.utime(entry, (1000, 1000))  # as one that nobody has looked at
        assert again() == "[1. 4. 7.] 0"
        (folder / compilation_cache.CHECKED).unlink()
        assert again() == "[1. 4. 7.] 0"
        for entry in entries:
            assert len(entry.read_bytes()) > 100
        assert first.communicate(timeout=300) == ("", "")
