"""What JAX compiles for a command is kept for the next one: a convenience, on which nothing depends."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import stat
import sys
import warnings
import zlib
from pathlib import Path

VARIABLE = "RATEDIST_CACHE"
OFF = ("off", "0", "false", "no", "none")
# What all programs together, of all machines, may take when a command starts. Above it the oldest go,
# until half of it is free.
MOST_BYTES = 200_000_000
SUFFIX = "-cache"
CHECKED = "checked"
# How a frame of Zstandard begins, by which JAX compresses where it can.
ZSTANDARD = b"\x28\xb5\x2f\xfd"

_kept_in: Path | None = None


def folder() -> Path | None:
    """Where this process keeps programs; nothing if it keeps none, or somebody has told JAX another place."""
    return _kept_in if os.environ.get("JAX_COMPILATION_CACHE_DIR") == str(_kept_in) else None


def keep_compilations() -> None:
    """Have JAX, which is not imported yet, keep what it compiles in a folder of the user's.

    The folder is ``$RATEDIST_CACHE``, or ``ratedist`` in the place that the platform has for caches. With
    ``RATEDIST_CACHE=off`` there is none, and who has set JAX's own variable is not interfered with. Where
    the folder cannot be made, is not the user's alone to write to, or an entry is refused, JAX compiles as
    it always does, and nothing is said. A program in the folder is run: that is why it must be the user's.
    """
    global _kept_in
    wanted = os.environ.get(VARIABLE, "").strip()
    if wanted.lower() in OFF or "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    try:
        place = Path(wanted).expanduser().absolute() if wanted else _caches() / "ratedist"
        own = place / f"jax-{machine()}"
        str(own).encode()  # JAX takes no name that is not Unicode
        if not place.is_absolute():  # as a home may be
            return
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        own.mkdir(mode=0o700, exist_ok=True)
        if not _own(own):
            return
        remove_torn(own)
        remove_oldest(place, MOST_BYTES)
    except (OSError, RuntimeError, ValueError):  # RuntimeError: a user without a home
        return
    _kept_in = own
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(own)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    # Of a damaged entry, of one that another process is just writing, of a disk that is full.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")


def machine() -> str:
    """A name for what this processor can do: programs compiled for another one may not run here."""
    features = platform.processor()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        features = next((line for line in lines if line.startswith(("flags", "Features"))), features)
    return hashlib.sha256(f"{platform.machine()} {features}".encode()).hexdigest()[:12]


def remove_torn(folder: Path) -> None:
    """Of the programs written since the last time, remove those that a killed process has half written.

    JAX would refuse them each time, and never write them again.
    """
    mark = folder / CHECKED
    last = mark.stat().st_mtime - 1 if mark.exists() else 0.0
    mark.touch()
    for path in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime >= last and not _whole(path.read_bytes()):
                path.unlink()


def _whole(entry: bytes) -> bool:
    """Whether it decompresses. JAX writes Zstandard where that is installed."""
    if entry[:4] == ZSTANDARD:
        return _whole_zstandard(entry)
    try:
        zlib.decompress(entry)
    except zlib.error:
        return False
    return True


def _whole_zstandard(entry: bytes) -> bool:
    try:
        import zstandard  # pyright: ignore[reportMissingImports]
    except ImportError:  # of another environment, whose business it is
        return True
    try:
        zstandard.ZstdDecompressor().decompress(entry)
    except zstandard.ZstdError:
        return False
    return True


def remove_oldest(place: Path, most_bytes: int) -> None:
    """Above ``most_bytes`` in all folders of ``place`` remove the oldest programs, until half is free again.

    A machine's name changes with what its kernel says of the processor: nobody else would clear the old one.
    Another process may be doing the same, or be reading one of them: it compiles what it does not find.
    """
    entries = []
    for path in place.glob(f"jax-*/**/*{SUFFIX}"):
        with contextlib.suppress(OSError):
            status = path.stat()
            entries.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in entries)
    if total <= most_bytes:
        return
    for _, size, path in sorted(entries):
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size
        if total <= most_bytes / 2:
            return


def _caches() -> Path:
    """Where this platform has the caches of a user."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    # A relative path there is invalid, says the XDG base directory specification, and to be ignored.
    wanted = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return wanted if wanted.is_absolute() else Path.home() / ".cache"


def _own(folder: Path) -> bool:
    """Whether the user may write there, and nobody else, nor any stranger above it put another there."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    if not hasattr(os, "getuid"):
        return True
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return False
    # A link would be somebody's choice of where programs are removed.
    return not folder.is_symlink() and all(map(_kept_from_strangers, folder.resolve().parents))


def _kept_from_strangers(folder: Path) -> bool:
    """Whether it is the user's or the system's, and not everybody's to rename what is in it."""
    status = folder.stat()
    everybody = status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX
    return status.st_uid in (0, os.getuid()) and not everybody
