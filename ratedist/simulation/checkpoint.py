"""The state of an interrupted simulation on disk: arrays and names only, written beside and renamed."""

from __future__ import annotations

import hashlib
import io
import json
import pathlib
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.estimate import Moments
from ratedist.files import write_together

MAGIC = b"ratedist checkpoint 2\n"
DIGEST_BYTES = hashlib.sha256().digest_size
# To be raised whenever what a trial draws or measures changes: a run never goes on under another law.
LAW = 2
FIELDS = ("mean", "squares", "difference_squares", "maximum")


def fingerprint(*parts: Any) -> str:
    """SHA-256 over everything that determines the trials: array leaves by value, the rest by structure.

    The version of JAX, the way it makes random numbers in parallel and the digits of its products belong
    to it.
    """
    leaves, structure = jax.tree_util.tree_flatten(parts)
    flags = ("jax_threefry_partitionable", "jax_default_matmul_precision")
    law = " ".join([str(LAW), jax.__version__, *(str(getattr(jax.config, flag)) for flag in flags)])
    digest = hashlib.sha256(f"{law} {structure}".encode())
    for leaf in leaves:
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            digest.update(str(leaf.dtype).encode())
            leaf = jax.random.key_data(leaf)
        array = np.asarray(leaf)
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def save(path: str | pathlib.Path, identity: str, state: Mapping[str, Moments]) -> None:
    """Write ``state`` to ``path``; the file is whole at every moment.

    A run does not end because its state cannot be saved: that is a warning.
    """
    header = {
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
    content = buffer.getvalue()
    try:
        sealed = MAGIC + hashlib.sha256(content).digest() + content
        write_together({pathlib.Path(path): sealed}, create_folders=False)
    except ValueError as error:
        warnings.warn(f"the state of the run was not saved, and the run goes on: {error}", stacklevel=3)


def load(path: str | pathlib.Path, identity: str) -> dict[str, Moments]:
    """Read the state saved at ``path``, empty if there is no such file.

    Raises:
        ValueError: the file is not a checkpoint, is damaged, or belongs to another run than ``identity``.
    """
    path = pathlib.Path(path)
    if not path.exists():
        return {}
    sealed = path.read_bytes()
    seal, content = sealed[: len(MAGIC) + DIGEST_BYTES], sealed[len(MAGIC) + DIGEST_BYTES :]
    if not seal.startswith(MAGIC):
        raise ValueError(
            f"{path} is not a simulation checkpoint: it does not begin as one of this version does"
        )
    if seal[len(MAGIC) :] != hashlib.sha256(content).digest():
        raise ValueError(f"{path} is not a whole simulation checkpoint: its checksum does not match")
    try:
        found, state = _unpacked(content)
    except (ValueError, TypeError, LookupError, AttributeError, EOFError, zipfile.BadZipFile):
        # A checksum keeps faults out, not forgers: anybody can compute one over anything.
        raise ValueError(f"{path} is not a simulation checkpoint: it holds something else") from None
    if found != identity:
        raise ValueError(
            f"{path} belongs to another simulation: its model, compressors, key, sampler, precision, "
            "version of JAX or of this package differ"
        )
    return state


def _unpacked(content: bytes) -> tuple[str, dict[str, Moments]]:
    """Fingerprint and moments by quantity."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        header = json.loads(arrays["header"].tobytes())
        state = {
            quantity: Moments(
                tuple(entry["names"]),
                int(entry["count"]),
                *(arrays[f"{quantity}:{field}"] for field in FIELDS),
            )
            for quantity, entry in header["quantities"].items()
        }
    return header["fingerprint"], state
