"""The state of an interrupted simulation on disk: arrays and names only, written beside and renamed."""

from __future__ import annotations

import hashlib
import io
import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.estimate import Moments
from ratedist.files import write_together

FORMAT = 1
FIELDS = ("mean", "squares", "difference_squares", "maximum")


def fingerprint(*parts: Any) -> str:
    """SHA-256 over everything that determines the trials: array leaves by value, the rest by structure."""
    leaves, structure = jax.tree_util.tree_flatten(parts)
    digest = hashlib.sha256(f"{FORMAT} {structure}".encode())
    for leaf in leaves:
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            digest.update(str(leaf.dtype).encode())
            leaf = jax.random.key_data(leaf)
        array = np.asarray(leaf)
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def save(path: str | pathlib.Path, identity: str, state: Mapping[str, Moments]) -> None:
    """Write ``state`` to ``path``; the file is whole at every moment."""
    header = {
        "format": FORMAT,
        "fingerprint": identity,
        "quantities": {
            quantity: {"names": moments.names, "count": moments.count} for quantity, moments in state.items()
        },
    }
    arrays: dict[str, Any] = {"header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)}
    for quantity, moments in state.items():
        arrays |= {f"{quantity}:{field}": getattr(moments, field) for field in FIELDS}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_together({pathlib.Path(path): buffer.getvalue()})


def load(path: str | pathlib.Path, identity: str) -> dict[str, Moments]:
    """Read the state saved at ``path``, empty if there is no such file.

    Raises:
        ValueError: the file is not a checkpoint, or belongs to another run than ``identity``.
    """
    path = pathlib.Path(path)
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            header = json.loads(arrays["header"].tobytes())
            state = {
                quantity: Moments(
                    tuple(entry["names"]),
                    int(entry["count"]),
                    *(arrays[f"{quantity}:{field}"] for field in FIELDS),
                )
                for quantity, entry in header["quantities"].items()
            }
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a simulation checkpoint: {error}") from error
    if header.get("format") != FORMAT or header.get("fingerprint") != identity:
        raise ValueError(
            f"{path} belongs to another simulation: its model, compressors, key, sampler or precision differ"
        )
    return state
