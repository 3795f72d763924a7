"""How often ``jax.jit`` takes a record of one class for that of another with as many fields.

    python benchmarks/record_classes.py [--pairs 1500]

Each pair of classes is new, and so is the function. Registered by ``jax.tree_util.register_dataclass``, then
by ``register_record`` of ``ratedist/pytrees.py``. Exit status 1 if the latter was ever taken for another.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable

import jax

from ratedist.pytrees import register_record

FIELDS = ["first", "second"]


def by_jax(cls: type) -> type:
    return jax.tree_util.register_dataclass(cls, FIELDS, [])


def mistaken(register: Callable[[type], type]) -> bool:
    """Whether what was compiled for one class was run for the other."""
    one, other = (register(dataclasses.make_dataclass(name, FIELDS, frozen=True)) for name in "AB")
    same = jax.jit(lambda record: record)
    same(one(1.0, 2.0))
    return type(same(other(1.0, 2.0))) is not other


def main() -> int:
    parser = argparse.ArgumentParser(description="Records that are taken for others")
    parser.add_argument("--pairs", type=int, default=1500)
    pairs = parser.parse_args().pairs
    found = 0
    for register in (by_jax, register_record):
        found = sum(mistaken(register) for _ in range(pairs))
        print(f"{register.__name__}: {found} of {pairs} pairs, JAX {jax.__version__}", flush=True)
    return int(found > 0)


if __name__ == "__main__":
    raise SystemExit(main())
