"""Compressors that share work with their kind: what makes one, and how a wrong one is found."""

import dataclasses
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.compressors import FamilyCompressor
from ratedist.simulation import engine

MODEL = rd.GaussianLinearModel(9, rd.two_level_weights(6), 0.5)


def honest(members: Mapping[str, Any], weights: jax.Array) -> dict[tuple[str, ...], rd.Compressed]:
    """Half of the weights for all members, computed once."""
    half = jnp.tile(weights / 2, (len(members), 1))
    return {tuple(members): rd.Compressed(half, {"r": jnp.ones(len(members))})}


def split(members, weights):
    """One group each."""
    return {(name,): rd.Compressed(weights[None] / 2, {"r": jnp.ones(1)}) for name in members}


def shifted(members, weights):
    (group,) = honest(members, weights).values()
    return {tuple(members): group._replace(reconstruction=group.reconstruction + 1e-6)}


def of_the_first(members, weights):
    return honest({"first": None}, weights)


def of_some_twice(members, weights):
    return honest({"first": None, "second": None, "it": None}, weights) | honest({"second": None}, weights)


def without_an_axis(members, weights):
    return {tuple(members): rd.Compressed(weights / 2, {"r": jnp.ones(len(members))})}


def of_another_rate(members, weights):
    (group,) = honest(members, weights).values()
    return {tuple(members): group._replace(rates={"s": group.rates["r"]})}


@dataclasses.dataclass(frozen=True)
class Half:
    """Half of the weights, and a family to be tried."""

    family: Callable
    needs: frozenset[str] = frozenset()
    markov = True

    def prepare(self, model):
        return PreparedHalf(self.family)

    def heavy_tailed(self, model):
        return rd.ERM().heavy_tailed(model)

    def fixed_rates(self, model):
        return {}


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class PreparedHalf:
    family: Callable

    def compress(self, key, weights, context):
        return rd.Compressed(weights / 2, {"r": jnp.asarray(1.0)})

    def compress_family(self, members, weights):
        return self.family(members, weights)


def test_what_has_the_method_is_a_family() -> None:
    assert isinstance(rd.KMeans(2).prepare(MODEL), FamilyCompressor)
    assert isinstance(Half(honest).prepare(MODEL), FamilyCompressor)
    for compressor in (rd.ERM(), rd.KMeans(2, "lloyd"), rd.Oracle(alpha=0.5)):
        assert not isinstance(compressor.prepare(MODEL), FamilyCompressor)


@pytest.mark.usefixtures("none_dropped")
@pytest.mark.parametrize("family", [honest, pytest.param(split, marks=pytest.mark.slow)])
def test_a_family_passes_and_is_called_for_all_its_members_at_once(family) -> None:
    assert "family" in rd.check_compressor(Half(family), MODEL)
    called = []

    def counted(members, weights):
        called.append(tuple(members))
        return family(members, weights)

    half = Half(counted)
    result = rd.simulate(MODEL, {"a": half, "erm": rd.ERM(), "b": half}, 256, jax.random.key(0))
    assert called == [("a", "b")]
    assert result["a"].rates["r"].mean == 1.0
    assert result.difference("a", "b").population_risk.mean == 0.0
    np.testing.assert_allclose(result["a"].empirical_risk.mean, result["b"].empirical_risk.mean)


@pytest.mark.parametrize(
    ("compressor", "message"),
    [
        (Half(shifted), "^family: compress_family must give what compress gives alone, got a relative diff"),
        (Half(of_another_rate), "^family: compress_family must return the rates of compress, r, got s"),
        (Half(of_the_first), "compress_family of 'it' must return each of them once, got .'first'."),
        (
            Half(of_some_twice),
            "compress_family of 'it' must return each of them once, got .'first', 's",
        ),
        (Half(without_an_axis), r"must return 1 along the first axis for .'it',., got the shape .6,."),
        (Half(lambda members, weights: weights), "must return groups by tuples of names, got an array of sh"),
        (
            Half(honest, needs=frozenset({"model"})),
            "^family: compress_family sees the weights alone, got",
        ),
    ],
)
def test_a_wrong_family_is_found(compressor: Half, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rd.check_compressor(compressor, MODEL)


def test_oracles_and_codebooks_are_in_company_what_they_are_alone() -> None:
    codebooks = {f"codebook {K}": rd.FixedCodebook(np.linspace(-1.5, 1, K)) for K in (1, 3)}
    company = {f"oracle {alpha}": rd.Oracle(alpha=alpha) for alpha in (0.0, 0.6, 1.0)} | codebooks
    together = rd.simulate(MODEL, company, 256, jax.random.key(3))
    # One of its kind each. Fewer at a time, too: a batch of 256 is assessed in parts, one of 50 in one.
    few = {name: company[name] for name in ("oracle 0.6", "codebook 3")}
    alone = rd.simulate(MODEL, few, 256, jax.random.key(3), batch_size=50)
    for name in few:
        assert alone[name].rates.keys() == together[name].rates.keys()
    for quantity, moments in alone.moments.items():
        all_of_them = together.moments[quantity]
        for place, name in enumerate(moments.names):
            column = all_of_them.names.index(name)
            np.testing.assert_allclose(moments.mean[place], all_of_them.mean[column], rtol=1e-12)
            assert moments.maximum[place] == pytest.approx(all_of_them.maximum[column], rel=1e-12)


def test_quick_compilation_is_for_processors_alone() -> None:
    def options(platform: str) -> object:
        plan = SimpleNamespace(mesh=SimpleNamespace(devices=np.array([SimpleNamespace(platform=platform)])))
        chosen = engine._draw._for(plan)
        (found,) = (key for key, program in engine._draw._compiled.items() if program is chosen)
        return found

    assert options("cpu") == engine.QUICK_OPTIONS
    assert options("gpu") == options("tpu") == ()
