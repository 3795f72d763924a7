"""How Numba compiles what is kept for the next process: needs the extra "fast"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(
    function: Callable[..., Any], signatures: list[Any] | None = None, fastmath: bool | set[str] = False
) -> Any:
    """``function`` by Numba, which keeps it for the next process where there is a folder to write to.

    Args:
        function: what is compiled.
        signatures: types of its arguments for which it is compiled at once; without them at its first call.
        fastmath: what LLVM may take for granted of floats.
    """
    # As NumPy divides by zero: to look for one before each division keeps several from being done at a time.
    options = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    try:
        return numba.njit(signatures, cache=True, **options)(function)
    except RuntimeError:  # neither beside this file nor in the user's own folder
        return numba.njit(signatures, **options)(function)


def compiled_for(*signatures: Any, fastmath: bool | set[str] = False) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: ``compiled`` at once for some types of arguments."""
    return lambda function: compiled(function, list(signatures), fastmath)
