"""The state of a run on disk: a journal, in which each record holds the moments of all trials up to it.

The first record says which run the file belongs to, and each of the others has its checksum. One of these is
enough to go on from. Those before it are kept for the case that it is damaged: then only the trials since are
computed again. When there are too many, the file is written anew with the last ones, so that it stays small
however long the run.
"""

from __future__ import annotations

import base64
import contextlib
import pathlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ratedist.estimate import Moments
from ratedist.files import require_target
from ratedist.files.journal import Appending, decoded, encoded
from ratedist.files.lock import locked
from ratedist.files.writing import write_together
from ratedist.simulation.accumulation import BLOCK, Accumulation
from ratedist.simulation.identity import Identity, checksum, differences
from ratedist.simulation.trials import Column

KIND = b"ratedist checkpoint "
TITLE = KIND + b"3\n"
FIELDS = ("mean", "squares", "difference_squares", "maximum")
# Records of a file before it is written anew, earlier if they are large, and those that are left then.
MOST_RECORDS, MOST_BYTES, KEPT = 32, 16 * 2**20, 4
# Differences that are told of two runs.
MOST_TOLD = 4


@contextlib.contextmanager
def opened(path: str | pathlib.Path, identity: Identity) -> Iterator[Checkpoint]:
    """The checkpoint at ``path``, which need not be there, for this process alone.

    Raises:
        ValueError: another process has it; a file that is not a checkpoint or belongs to another run, with
            what is different; a damaged first record; a place that cannot be written to.
    """
    require_target(path)
    with locked(path):
        checkpoint = Checkpoint(pathlib.Path(path), identity)
        try:
            yield checkpoint
        finally:
            checkpoint.close()


class Checkpoint:
    """A checkpoint that this process alone writes; made by :func:`opened`.

    Attributes:
        path: of the file.
        state: what was in it when it was opened.
    """

    def __init__(self, path: pathlib.Path, identity: Identity) -> None:
        self.path, self._identity, self._run = path, identity, checksum(identity)
        self.state = Accumulation()
        self._file: Appending | None = None
        self._num_records = 0
        if path.exists():
            self._read(path.read_bytes())

    def save(self, state: Accumulation, *, with_rest: bool = True) -> None:
        """Add a record of ``state``; what is in the file stays as it is.

        A run does not end because its state cannot be saved: that is a warning.

        Args:
            state: of all trials up to now.
            with_rest: whether the values behind its whole blocks are saved too.
        """
        line = encoded({"of": self._run} | packed(state, with_rest))
        try:
            if self._file is None or self._is_long():
                self._write_anew(line)
            else:
                self._file.append(line)
                self._num_records += 1
        except ValueError as error:
            warnings.warn(f"the state of the run was not saved, and the run goes on: {error}", stacklevel=3)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _is_long(self) -> bool:
        assert self._file is not None
        large = self._num_records >= MOST_RECORDS or self._file.size >= MOST_BYTES
        return large and self._num_records > KEPT

    def _write_anew(self, line: bytes) -> None:
        """The first record, the last of those that are there, and one more."""
        kept: list[bytes] = []
        if self._file is not None:
            self._file.require_alone()
            kept = [encoded(one) for one in decoded(self.path.read_bytes()).whole[1:]][1 - KEPT :]
        lines = [encoded({"run": self._identity}), *kept, line]
        content = TITLE + b"".join(lines)
        write_together({self.path: content}, create_folders=False)
        self.close()
        self._file, self._num_records = Appending(self.path), len(lines) - 1

    def _read(self, content: bytes) -> None:
        _check_kind(self.path, content)
        whole, damaged, _ = decoded(content[len(TITLE) :])
        if not whole or not isinstance(whole[0], dict) or "run" not in whole[0]:
            raise ValueError(
                f"{self.path} is not a whole simulation checkpoint: what says which run it belongs to is "
                "damaged, and without it nothing in the file is of use"
            )
        try:
            told = differences(self._identity, whole[0]["run"])
            if {record["of"] for record in whole[1:]} - {checksum(whole[0]["run"])}:
                raise ValueError("records of another run")
            states = [unpacked(record) for record in whole[1:]]
        except (ValueError, TypeError, LookupError, AttributeError):
            # A checksum keeps faults out, not forgers: anybody can compute one over anything.
            raise ValueError(f"{self.path} is not a simulation checkpoint: it holds something else") from None
        if told:
            more = [f"and {len(told) - MOST_TOLD} more"] if len(told) > MOST_TOLD else []
            raise ValueError(
                f"{self.path} belongs to another simulation: {'; '.join([*told[:MOST_TOLD], *more])}"
            )
        if states:
            self.state = max(states, key=lambda state: state.num_trials)
        if damaged:
            warnings.warn(
                f"{self.path}: {damaged} of {damaged + len(whole)} records are damaged, and what only they "
                f"held is computed again: the run goes on from trial {self.state.num_trials}",
                stacklevel=6,
            )
        self._file, self._num_records = Appending(self.path), len(states) + damaged


def _check_kind(path: pathlib.Path, content: bytes) -> None:
    """Refuse what is not a checkpoint of this version, in words."""
    if content.startswith(TITLE):
        return
    version = content[len(KIND) :].partition(b"\n")[0] if content.startswith(KIND) else b""
    if version.isdigit():
        raise ValueError(
            f"{path} is a simulation checkpoint of format {version.decode()}, and this version of ratedist "
            f"reads {TITLE[len(KIND) : -1].decode()}: finish with the version it was begun with, or remove it"
        )
    raise ValueError(f"{path} is not a simulation checkpoint: it does not begin as one of this version does")


def packed(state: Accumulation, with_rest: bool = True) -> dict[str, Any]:
    """A state as JSON can hold it, to the last bit."""
    rest = state.rest if with_rest else {}
    return {
        "whole": {
            quantity: {"names": moments.names, "count": moments.count}
            | {field: _text(getattr(moments, field)) for field in FIELDS}
            for quantity, moments in state.whole.items()
        },
        "rest": {
            quantity: {"names": names, "type": str(values.dtype), "values": _text(values)}
            for quantity, (names, values) in rest.items()
        },
    }


def unpacked(record: Mapping[str, Any]) -> Accumulation:
    """The state of a record; ``ValueError`` and the like for what is none."""
    whole, rest = {}, {}
    for quantity, entry in record["whole"].items():
        names = tuple(map(str, entry["names"]))
        arrays = {field: _numbers(entry[field], "float64") for field in FIELDS}
        square = arrays.pop("difference_squares").reshape(len(names), len(names))
        columns = {field: array.reshape(len(names)) for field, array in arrays.items()}
        whole[quantity] = Moments(names, int(entry["count"]), difference_squares=square, **columns)
    for quantity, entry in record["rest"].items():
        names = tuple(map(str, entry["names"]))
        values = _numbers(entry["values"], entry["type"])
        rest[quantity] = Column(names, values.reshape(-1, len(names)))
    counts = {one.count for one in whole.values()}, {len(one.values) for one in rest.values()}
    if any(len(one) > 1 for one in counts) or any(count % BLOCK for count in counts[0]):
        raise ValueError("counts that cannot be")
    return Accumulation(whole, rest)


def _text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _numbers(text: str, kind: str) -> np.ndarray:
    if kind not in ("float32", "float64"):
        raise ValueError("numbers of another kind")
    return np.frombuffer(base64.b64decode(text, validate=True), np.dtype(kind).newbyteorder("<"))
