"""Compiled functions that do not keep a program for every shape there ever was."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
# Each program keeps memory and some hundred memory maps, of which Linux gives a process 65,530.
MOST_KEPT = 32


def few_kept(compiled: Function, most: int = MOST_KEPT) -> Function:
    """A function of ``jax.jit`` that forgets its programs before it keeps more than ``most``.

    They are compiled again when they are needed again. Numbers are the same.
    """

    @functools.wraps(compiled)
    def called(*args: Any, **kwargs: Any) -> Any:
        if compiled._cache_size() >= most:  # pyright: ignore[reportFunctionMemberAccess]
            compiled.clear_cache()  # pyright: ignore[reportFunctionMemberAccess]
        return compiled(*args, **kwargs)

    return called  # pyright: ignore[reportReturnType]
