"""A grid of settings of an experiment: parsed and checked in words, without JAX."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
import math
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ratedist import _checks
from ratedist.experiments.figure2_config import CHOICES, Figure2Config
from ratedist.experiments.model_options import NAMED_WEIGHTS, option_name

# Values of the axes that are words, of which the nearest is named.
WORDS = CHOICES | {"w_star": NAMED_WEIGHTS, "covariance": ("identity", "ar1:RHO")}
WITH_FILES = ("w_star", "covariance")
# Half of the trials choose K, half judge it, and each half needs two for a standard error.
LEAST_TRIALS = 4
OTHER_NAMES = {"trials": "num_trials"}
# Every point has a number of trials.
NOT_VARIED = ("target_sem", "max_trials")
# More are a slip: a million points of the least trials take a day.
MOST_POINTS = 1_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class SweepConfig:
    """Settings of Figure 2 on a grid.

    Attributes:
        base: the setting of what the grid does not name.
        grid: axes as text, ``NAME=VALUE,VALUE,...``; NAME is an option, such as ``noise_variance``.
    """

    base: Figure2Config
    grid: Sequence[str]

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """Values by the name of the field, in the order given; ``ValueError``, in words, for bad text."""
        if not self.grid:
            raise ValueError("grid must name at least one option, such as n=60,80,120")
        axes: dict[str, tuple[Any, ...]] = {}
        for text in self.grid:
            name, values = _axis(text)
            if name in axes:
                raise ValueError(f"grid must name each option once, got {_shown(name)} twice")
            axes[name] = values
        return axes

    def points(self) -> list[Figure2Config]:
        """The setting of every point, the last axis running fastest."""
        axes = self.axes
        number = math.prod(map(len, axes.values()))
        if number > MOST_POINTS:
            raise ValueError(f"grid must have at most {MOST_POINTS:,} points, got {number:,}")
        combinations = itertools.product(*axes.values())
        return [dataclasses.replace(self.base, **dict(zip(axes, one, strict=True))) for one in combinations]

    def check(self) -> None:
        """Raise ``ValueError``, in words, for a grid or a point that cannot be computed."""
        for point in self.points():
            try:
                point.check()
                _checks.integer("num_trials", point.num_trials, LEAST_TRIALS)
                if point.target_sem is not None:
                    raise ValueError("a sweep has a number of trials, and no target_sem")
            except ValueError as error:
                there = ", ".join(f"{_shown(name)}={getattr(point, name)}" for name in self.axes)
                raise ValueError(f"at {there}: {error}") from None

    @property
    def files(self) -> list[str]:
        """The .npy files of all points."""
        options = [getattr(point, name) for point in self.points() for name in WITH_FILES]
        return sorted({one for one in options if isinstance(one, str) and Path(one).suffix == ".npy"})


def _axis(text: str) -> tuple[str, tuple[Any, ...]]:
    """Name and values of one axis."""
    given, equals, values = text.partition("=")
    name = given.strip().lstrip("-").replace("-", "_")
    name = OTHER_NAMES.get(name, name)
    if not equals:
        raise ValueError(f"grid must have the form NAME=VALUE,VALUE such as n=60,80,120, got {text!r:.80}")
    fields = [one.name for one in dataclasses.fields(Figure2Config) if one.name not in NOT_VARIED]
    if name not in fields:
        shown = [_shown(field) for field in fields]
        raise ValueError(
            f"grid has no option {given!r:.80}{_meant(name, shown)}; the options are {', '.join(shown)}"
        )
    parsed = tuple(_value(name, one.strip()) for one in values.split(","))
    for place, one in enumerate(parsed):
        if one in parsed[:place]:
            raise ValueError(f"grid must have each value of {_shown(name)} once, got {one} twice")
    if name in WITH_FILES:
        known: dict[str, str] = {}
        for one in parsed:
            if (other := known.setdefault(option_name(one), one)) != one:
                raise ValueError(
                    f"grid must have files of different names for {name}, got {other} and {one}: tables and "
                    "pictures name a file without its folder"
                )
    return name, parsed


def _value(name: str, text: str) -> Any:
    """One value of a field, of the field's type."""
    if not text:
        raise ValueError(f"grid must have values of {_shown(name)} between commas, got none in a place")
    kinds = _kinds()[name]
    for kind, words in ((int, "an integer"), (float, "a number")):
        if kind is kinds or kind in typing.get_args(kinds):
            try:
                return kind(text)
            except ValueError:
                raise ValueError(f"grid must have {words} for {_shown(name)}, got {text!r:.80}") from None
    words = WORDS[name]
    numbered = ":" in text or Path(text).suffix == ".npy"
    if text not in words and not numbered and (meant := _meant(text, words)):
        raise ValueError(f"grid has no {_shown(name)} {text!r:.80}{meant}; there are {', '.join(words)}")
    return text  # what is no word of these is checked with its point


@functools.cache
def _kinds() -> dict[str, Any]:
    return typing.get_type_hints(Figure2Config)


def _shown(name: str) -> str:
    return next((shown for shown, field in OTHER_NAMES.items() if field == name), name)


def _meant(text: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(text.lower(), names, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
