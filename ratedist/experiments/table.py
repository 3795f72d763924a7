"""A table of results together with the configuration that produced it."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Rows of numbers, and everything needed to compute them again.

    Attributes:
        frame: one row a point; a cell without a value is NaN (empty in CSV).
        record: configuration, versions, precision, seed, duration; only what JSON can hold.
    """

    frame: pd.DataFrame
    record: dict[str, Any]

    def csv(self) -> str:
        """The rows as comma-separated text that reads back to the same float64 numbers."""
        return self.frame.to_csv(index=False)

    def json(self) -> str:
        """The record as indented JSON."""
        return json.dumps(self.record, indent=2, ensure_ascii=False) + "\n"


def versions() -> dict[str, str]:
    """Versions of this package, of Python and of the libraries that numbers depend on."""
    import importlib.metadata
    import platform

    packages = ("ratedist", "numpy", "scipy", "jax", "jaxlib")
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in packages
    }
