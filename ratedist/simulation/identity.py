"""What determines the trials of a run, by name: two runs that differ in it are told apart, and by what."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.linear_model.base import LinearModel
from ratedist.simulation.accumulation import BLOCK

# To be raised whenever what a trial draws or measures changes: a run never goes on under another law.
LAW = 2
FLAGS = ("jax_threefry_partitionable", "jax_default_matmul_precision")
# Characters that are shown of a value.
LONGEST_SHOWN = 80
DIGITS = 16

# By name: what is compared, and what is shown.
Identity = dict[str, list[str]]


def identity_of(
    model: LinearModel,
    arrays: Any,
    compressors: Mapping[str, Any],
    prepared: Mapping[str, Any],
    key: jax.Array,
    sampler: str,
    first_trial: int,
) -> Identity:
    """Everything that a trial depends on.

    Args:
        model: whose fields are named.
        arrays: what the trials see of it.
        compressors: by name, as they are shown.
        prepared: the same, as the trials see them.
        key: of the run.
        sampler: that was chosen.
        first_trial: number of the first trial.
    """
    identity = {
        "law of this package": _plain(LAW),
        "version of JAX": _plain(jax.__version__),
        "precision": _plain(jnp.result_type(float)),
        **{flag: _plain(getattr(jax.config, flag)) for flag in FLAGS},
        "trials in a block": _plain(BLOCK),
        "sampler": _plain(sampler),
        "first trial": _plain(first_trial),
        "kind of key": _plain(jax.random.key_impl(key)),
        "key": _plain(" ".join(map(str, jax.random.key_data(key).tolist()))),
        "kind of model": _plain(type(model).__name__),
    }
    for field in dataclasses.fields(model):  # pyright: ignore[reportArgumentType]
        identity[field.name] = _of_value(getattr(model, field.name))
    identity["model as the trials see it"] = [_digest(arrays)] * 2
    identity["compressors"] = _plain(", ".join(map(repr, prepared)))
    for name, one in prepared.items():
        identity[f"compressor {name!r}"] = [_digest(one), _shortened(repr(compressors[name]))]
    return identity


def checksum(identity: Identity) -> str:
    """Of all that is compared, by which a record is known as one of this run."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:DIGITS]


def differences(expected: Identity, found: Identity) -> list[str]:
    """What two runs differ in: ``name: expected …, found …``."""
    told = []
    nothing = ["", "nothing"]
    for name in (*expected, *(name for name in found if name not in expected)):
        here, there = expected.get(name, nothing), found.get(name, nothing)
        if here[0] != there[0]:
            # What looks the same is told apart by its digest.
            shown = 1 if here[1] != there[1] else 0
            told.append(f"{name}: expected {here[shown]}, found {there[shown]}")
    return told


def _plain(value: Any) -> list[str]:
    text = str(value)
    return [_fits(text), _shortened(text)]


def _of_value(value: Any) -> list[str]:
    """A field of a model: a number as it is, an array by its shape and digest."""
    array = np.asarray(value)
    if array.ndim == 0:
        return [repr(array.item())] * 2
    digest = _digest(array)
    return [digest, f"{' × '.join(map(str, array.shape))} numbers, SHA-256 {digest}"]


def _digest(tree: Any) -> str:
    """Of arrays by value, and of the rest by structure."""
    leaves, structure = jax.tree_util.tree_flatten(tree)
    digest = hashlib.sha256(str(structure).encode())
    for leaf in leaves:
        array = np.asarray(leaf)
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()[:DIGITS]


def _fits(text: str) -> str:
    """A text itself, or its digest where it is long."""
    return text if len(text) <= LONGEST_SHOWN else hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
