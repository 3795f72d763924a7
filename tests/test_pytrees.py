"""Records of arrays: JAX takes them apart and together, and those of two classes are different structures."""

import ast
import dataclasses
import pathlib

import jax
import jax.numpy as jnp
import numpy as np

import ratedist as rd
from ratedist.pytrees import register_record, structure_number
from ratedist.simulation.trials import needs_of

PACKAGE = pathlib.Path(rd.__file__).parent
MODEL = rd.GaussianLinearModel(10, rd.two_level_weights(6))


@register_record
@dataclasses.dataclass(frozen=True)
class One:
    values: jax.Array
    rest: jax.Array | None = None
    setting: int = dataclasses.field(default=3, metadata={"static": True})


@register_record
@dataclasses.dataclass(frozen=True)
class Another(One):
    """The same fields."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Foreign:
    values: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class AnotherForeign(Foreign):
    """The same field."""


def test_a_record_is_taken_apart_and_together() -> None:
    found = jax.jit(lambda one: jax.tree.map(lambda leaf: 2 * leaf, one))(One(jnp.arange(3.0), setting=7))
    assert isinstance(found, One)
    assert (found.rest, found.setting) == (None, 7)
    np.testing.assert_array_equal(found.values, [0.0, 2.0, 4.0])
    ((path, _),), _ = jax.tree_util.tree_flatten_with_path(One(jnp.zeros(2)))
    assert jax.tree_util.keystr(path) == ".values"


def test_no_two_classes_have_equal_structures() -> None:
    records = [One(jnp.zeros(2)), Another(jnp.zeros(2)), One(jnp.zeros(2), setting=4)]
    first, *others = map(jax.tree.structure, records)
    assert all(first != other for other in others)
    assert first == jax.tree.structure(One(jnp.ones(5)))
    # A sample of a posterior and rounded ridge have three numbers each: one was computed as the other.
    ridge, rounded = rd.Ridge(2.0, posterior_variance=0.7), rd.QuantizedRidge(2.0, 0.25)
    assert jax.tree.structure(ridge.prepare(MODEL)) != jax.tree.structure(rounded.prepare(MODEL))


def test_nothing_here_is_registered_by_what_compares_no_classes() -> None:
    name = "register_dataclass"
    texts = {path: path.read_text() for path in PACKAGE.rglob("*.py")}
    nodes = {path: list(ast.walk(ast.parse(text))) for path, text in texts.items() if name in text}
    assert nodes  # those that speak of it
    assert not [path for path, some in nodes.items() if any(map(is_used, some))]


def is_used(node: ast.AST) -> bool:
    """By its own name, as an attribute or imported; texts that have it do not count."""
    names = (getattr(node, part, None) for part in ("id", "attr", "name"))
    return "register_dataclass" in names


def test_records_of_a_user_are_told_apart_in_a_simulation() -> None:
    """JAX may take their structures for equal; what a simulation is compiled for has their hashes too."""
    compressors = {"a": rd.ERM()}
    plans = [needs_of(compressors, {"a": kind(jnp.zeros(2))}) for kind in (Foreign, AnotherForeign)]
    assert plans[0] != plans[1]
    assert structure_number(Foreign(jnp.zeros(2))) == structure_number(Foreign(jnp.ones(3)))
