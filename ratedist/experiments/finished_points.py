"""Rows of finished points on disk, from which an interrupted run goes on."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ratedist.files import write_together


class FinishedPoints:
    """Rows of one network by point; written after each new one.

    Args:
        path: of the file; ``None`` for memory alone.
        identity: what has to agree for the rows of a file to be read, as JSON can hold it.

    Raises:
        ValueError: a file that is not as it was written.
    """

    def __init__(self, path: Path | None, identity: dict[str, Any]) -> None:
        self._identity, self._path = identity, path
        self._rows: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            content = _unsealed(path)
            if content["identity"] == identity:
                self._rows = content["rows"]

    def __contains__(self, point: object) -> bool:
        return str(point) in self._rows

    def __getitem__(self, point: object) -> dict[str, Any]:
        return self._rows[str(point)]

    def __setitem__(self, point: object, row: dict[str, Any]) -> None:
        self._rows[str(point)] = row
        if self._path is not None:
            content = {"identity": self._identity, "rows": self._rows}
            sealed = {"sha256": _checksum(content), "content": content}
            write_together({self._path: json.dumps(sealed).encode()})  # NaN and all, read by us alone


def parameters_digest(parameters: Any) -> str:
    """Of all parameters, which tells networks apart."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(parameters):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


def _checksum(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _unsealed(path: Path) -> dict[str, Any]:
    """The content of a file of finished points, or ``ValueError`` if it is not as it was written."""
    with contextlib.suppress(ValueError, TypeError, LookupError, RecursionError):
        sealed = json.loads(path.read_bytes())
        if sealed["sha256"] == _checksum(sealed["content"]):
            return sealed["content"]
    raise ValueError(f"{path} is damaged or of another version: remove it, and its points are computed again")
