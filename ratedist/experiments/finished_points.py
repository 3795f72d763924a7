"""Rows of finished points on disk, from which an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ratedist.files import write_together
from ratedist.files.journal import Appending, decoded, encoded
from ratedist.files.lock import locked
from ratedist.files.writing import make_folder_of

TITLE = b"ratedist finished points 2\n"


class FinishedPoints:
    """Rows by point, in a journal to which each new one is added.

    Several processes may keep their points in one file: each adds its own, and sees those of the others.
    A row that is damaged is not there, and a warning says so. Rows of another identity are left alone.

    Args:
        path: of the file; ``None`` for memory alone.
        identity: what has to agree for the rows of a file to be read, as JSON can hold it.

    Raises:
        ValueError: a file of something else.
    """

    def __init__(self, path: Path | None, identity: dict[str, Any]) -> None:
        self._identity, self._path = _checksum(identity), path
        self._rows: dict[str, dict[str, Any]] = {}
        self._read = 0
        self._look()

    def __contains__(self, point: object) -> bool:
        self._look()
        return str(point) in self._rows

    def __getitem__(self, point: object) -> dict[str, Any]:
        return self._rows[str(point)]

    def __setitem__(self, point: object, row: dict[str, Any]) -> None:
        self._rows[str(point)] = row
        if self._path is None:
            return
        line = encoded({"identity": self._identity, "point": str(point), "row": row})
        make_folder_of(self._path)
        with locked(self._path, wait=True):
            if not self._path.exists() or not self._path.stat().st_size:
                write_together({self._path: TITLE + line})
                return
            journal = Appending(self._path)
            try:
                journal.append(line)
            finally:
                journal.close()

    def _look(self) -> None:
        """Read what is in the file and was not when it was read last."""
        try:
            size = 0 if self._path is None else self._path.stat().st_size
        except FileNotFoundError:
            size = 0
        if self._path is None or size == self._read:
            return
        if size < self._read:  # it is another file
            self._read = 0
        with self._path.open("rb") as file:
            file.seek(self._read)
            content = file.read()
        if self._read == 0 and not content.startswith(TITLE):
            raise ValueError(
                f"{self._path} is damaged or of another version: remove it, and its points are computed again"
            )
        content = content[: content.rfind(b"\n") + 1]  # a line that is being written is read when it is whole
        lines = content if self._read else content[len(TITLE) :]
        self._read += len(content)
        whole, damaged, _ = decoded(lines)
        for record in whole:
            if record["identity"] == self._identity:
                self._rows[record["point"]] = record["row"]
        if damaged:
            warnings.warn(
                f"{self._path}: {damaged} of {damaged + len(whole)} rows are damaged, and their points are "
                "computed again",
                stacklevel=3,
            )


def parameters_digest(parameters: Any) -> str:
    """Of all parameters, which tells networks apart."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(parameters):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


def _checksum(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
