"""Checks of user input: one sentence saying what was expected and what came."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

# The largest seed whose draws are the same in both precisions: JAX keeps 32 bits of it in single precision.
LARGEST_SEED = 2**32 - 1
# Not numbers here: a flag in the place of a number is a slip.
BOOLEANS = (bool, np.bool_)


def integer(name: str, value: Any, minimum: int, maximum: int | None = None) -> int:
    """Return ``value`` as an ``int`` from ``minimum`` to ``maximum``, or raise ``ValueError``."""
    try:
        if isinstance(value, BOOLEANS):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}") from None
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {number!r:.80}")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {number!r:.80}")
    return number


def seed(value: Any) -> int:
    """Return ``value`` as an integer from 0 to 2³² − 1, or raise ``ValueError``."""
    return integer("seed", value, 0, LARGEST_SEED)


def random_key(key: Any) -> Any:
    """Return ``key`` if it is one JAX random key, typed or of two words, or raise ``ValueError``."""
    shape, dtype = getattr(key, "shape", None), str(getattr(key, "dtype", ""))
    typed = dtype.startswith("key<") and shape == ()
    if typed or (dtype == "uint32" and shape is not None and len(shape) == 1):
        return key
    raise ValueError(f"key must be one JAX random key, jax.random.key(seed), got {key!r:.80}")


def fits_in_memory(what: str, num_bytes: float) -> None:
    """Raise ``ValueError`` if ``num_bytes`` are more than the machine has in all, where it says."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return
    if num_bytes > memory:
        raise ValueError(
            f"{what} needs about {num_bytes / 2**30:,.0f} GiB, this machine has {memory / 2**30:,.0f}"
        )


def real_array(name: str, value: ArrayLike, *, indicator: bool = False) -> np.ndarray:
    """Return ``value`` as a finite float64 array, or raise ``ValueError``.

    Booleans are refused, but in an ``indicator``, where they stand for one and zero.
    """
    array = _real_numbers(name, value, indicator=indicator)
    if not np.all(np.isfinite(array)):
        count = int(array.size - np.isfinite(array).sum())
        raise ValueError(f"{name} must be finite, got {count} NaN or infinite of {array.size} value(s)")
    return array


def in_range(
    name: str, value: ArrayLike, low: float = 0.0, high: float = np.inf, *, open_low: bool = False
) -> np.ndarray:
    """Return ``value`` as a float64 array inside ``[low, high]`` (``(low, high]`` if ``open_low``).

    NaN is refused; an infinite value passes only where ``high`` is infinite, because a rate of +∞ nats
    (no compression at all) is a legitimate argument of every curve.
    """
    array = _real_numbers(name, value)
    inside = (array > low if open_low else array >= low) & (array <= high)
    if not np.all(inside):
        bracket = "(" if open_low else "["
        offender = np.atleast_1d(array)[~np.atleast_1d(inside)][0]
        raise ValueError(f"{name} must lie in {bracket}{low:g}, {high:g}], got {offender.item()!r}")
    return array


def number(name: str, value: Any, low: float = 0.0, high: float = np.inf, *, open_low: bool = False) -> float:
    """Return ``value`` as one float inside the range, as ``in_range`` has it, or raise ``ValueError``."""
    array = in_range(name, value, low, high, open_low=open_low)
    if array.ndim != 0:
        raise ValueError(f"{name} must be one number, got shape {array.shape}")
    return float(array)


def positive_number(name: str, value: Any) -> float:
    """Return ``value`` as a finite float above zero, or raise ``ValueError``."""
    array = real_array(name, value)
    if array.ndim != 0 or array <= 0:
        raise ValueError(f"{name} must be one number above zero, got {value!r:.80}")
    return float(array)


def one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Return ``value`` if it is one of the names ``allowed``, or raise ``ValueError`` listing them."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r:.80}")
    return value


def unmasked(name: str, value: Any) -> None:
    """Raise ``ValueError`` for a NumPy array with masked entries, or a sequence of such: masks get lost."""
    if isinstance(value, list | tuple):
        for one in value:
            unmasked(name, one)
    elif isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(
            f"{name} must have no masked entries, got {np.ma.count_masked(value)} of {value.size}: "
            "say what stands in their place with .filled(...)"
        )


def _real_numbers(name: str, value: ArrayLike, *, indicator: bool = False) -> np.ndarray:
    """``value`` as float64; text that looks like numbers, booleans and imaginary parts are refused."""
    try:
        array = np.asarray(value)
        # Sequences of Python numbers beyond 64 bits come as objects.
        words = any(one is None or isinstance(one, str | bytes) for one in _objects(array))
        if words or array.dtype.kind in "cSUmM" or (_has_boolean(value, array) and not indicator):
            raise TypeError
        numbers = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be real numbers, got {value!r:.80}") from None
    unmasked(name, value)
    return numbers


def _has_boolean(value: Any, array: np.ndarray) -> bool:
    """Whether there are booleans in a value, in whose array NumPy may have made them zeros and ones."""
    return array.dtype == bool or any(
        isinstance(one, BOOLEANS) for one in (*_leaves(value), *_objects(array))
    )


def _leaves(value: Any) -> Iterator[Any]:
    """What sequences in sequences hold in the end."""
    for one in value if isinstance(value, list | tuple) else ():
        if isinstance(one, list | tuple):
            yield from _leaves(one)
        elif isinstance(one, np.ndarray):
            yield from [True] if one.dtype == bool else []
        else:
            yield one


def _objects(array: np.ndarray) -> np.ndarray:
    return array.ravel() if array.dtype == object else np.empty(0)
