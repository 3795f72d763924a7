"""Compressors of one's own: a plain function, what is refused in words, and the page that explains them."""

import pathlib
import re
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from tests.statistics import assert_agrees

# Weights and trials as many as elsewhere: draws are compiled once for all.
MODEL = rd.GaussianLinearModel(12, rd.two_level_weights(6))
KEY = jax.random.key(0)
PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "compressors.md").read_text()


def identity(key, weights, context):
    return rd.Compressed(weights, {})


def simulate(function, trials: int = 256, **declared):
    compressor = rd.compressor(function, **{"markov": True, **declared})
    return rd.simulate(MODEL, {"own": compressor}, trials, KEY)


def test_a_plain_function_is_a_compressor() -> None:
    """Half of W: population risk σ² + ‖w*‖²/4 + (1/4)dσ²/(n − d − 1), distortion ‖w*‖²/4 + (1/4)dσ²/n."""

    def half(key, weights, context):
        assert context.model is None
        assert context.hessian is None
        return rd.Compressed(weights / 2, {"two": jnp.asarray(2.0), "three": 3})

    result = simulate(half, 8000)["own"]
    assert_agrees(result.population_risk, 1 + 6 / 4 + 6 / 5 / 4, 0.01)
    assert_agrees(result.distortion, 6 / 4 + 6 / 12 / 4, 0.01)
    assert result.rates["two"].mean == 2.0
    assert result.rates["three"].mean == 3.0


@pytest.mark.usefixtures("none_dropped")
def test_one_function_is_one_compilation_and_two_names() -> None:
    from ratedist.simulation import engine

    simulate(identity)
    compiled = engine._compress.cache_size()
    simulate(identity)
    assert engine._compress.cache_size() == compiled
    both = {"a": rd.compressor(identity, markov=True), "b": rd.ERM()}
    result = rd.simulate(MODEL, both, 256, KEY)
    assert result.difference("a", "b").distortion.mean == 0.0


@pytest.mark.usefixtures("none_dropped")
def test_what_sees_the_weights_alone_is_traced_once_for_every_law_of_them() -> None:
    traced = []

    def counted(key, weights, context):
        traced.append(weights)
        return rd.Compressed(weights, {})

    simulate(counted)
    before = len(traced)
    # By another sampler, and of another covariance and noise.
    correlated = rd.GaussianLinearModel(MODEL.n, MODEL.w_star, 0.3, rd.ar1_covariance(MODEL.d, 0.5))
    rd.simulate(correlated, {"own": rd.compressor(counted, markov=True)}, 256, KEY, "statistics")
    assert len(traced) == before
    # One that sees more is traced for each of them.
    simulate(counted, needs=["hessian_diagonal"], markov=False)
    assert len(traced) > before


@pytest.mark.usefixtures("none_dropped")
def test_a_function_is_traced_once_for_each_shape() -> None:
    traces = []

    def counted(key, weights, context):
        traces.append(weights.shape)
        return rd.Compressed(weights, {})

    simulate(counted)
    assert traces == [(6,)]


def test_functions_see_what_they_declare() -> None:
    def diagonal(key, weights, context):
        assert context.model is None
        mean = jnp.mean(context.hessian_diagonal)
        trace = jnp.trace(context.hessian) / weights.size if context.hessian is not None else mean
        return rd.Compressed(weights, {"mean_hessian": mean, "difference": jnp.abs(trace - mean)})

    needs = {"hessian_diagonal", "hessian"}
    result = simulate(diagonal, 4000, markov=False, needs=needs)
    assert result.sampler == "statistics"
    assert_agrees(result["own"].rates["mean_hessian"], 1.0, 0.01)
    assert result["own"].rates["difference"].mean < 1e-12
    with pytest.raises(
        ValueError, match=r"fails when JAX traces it: TypeError.*not declared in needs: hessian"
    ):
        simulate(diagonal, markov=False)


def test_what_others_see_is_not_seen() -> None:
    """Beside a compressor that sees the Hessian, one that declared nothing gives what it gives alone."""

    def peeking(key, weights, context):
        blind = context.hessian_diagonal is None and context.hessian is None and context.model is None
        return rd.Compressed(weights * (1.0 if blind else 7.0), {})

    def seeing(key, weights, context):
        assert context.hessian is None
        return rd.Compressed(weights * context.hessian_diagonal, {})

    peek = rd.compressor(peeking, markov=True)
    others = {
        "seeing": rd.compressor(seeing, markov=False, needs={"hessian_diagonal"}),
        "oracle": rd.Oracle(alpha=0.5),
        "same function, model declared": rd.compressor(peeking, markov=True, needs={"model"}),
    }
    result = rd.simulate(MODEL, {"peek": peek, "erm": rd.ERM(), **others}, 256, KEY)
    assert result.difference("peek", "erm").population_risk.mean == 0.0
    assert result["same function, model declared"].distortion.mean > 1.0


def test_names_are_texts_and_options_are_truths() -> None:
    for options, message in (
        ({"compressors": {1: rd.ERM()}}, "names of compressors must be strings, got 1"),
        ({"return_samples": "no"}, "return_samples must be True or False, got 'no'"),
        ({"progress": 2}, "progress must be True or False, got 2"),
        ({"checkpoint_path": 3}, "checkpoint_path must be a path, got 3"),
    ):
        arguments: dict = {"compressors": {"erm": rd.ERM()}, "num_trials": 4, "key": KEY} | options
        with pytest.raises(ValueError, match=message):
            rd.simulate(MODEL, **arguments)


def test_a_rate_is_fixed_or_counted_and_what_bounds_is_reported() -> None:
    def counted(key, weights, context):
        return rd.Compressed(weights, {"r": 1.0})

    with pytest.raises(ValueError, match="got both for r of compressor 'own'"):
        simulate(counted, fixed_rates={"r": 2.0})
    with pytest.raises(ValueError, match="of compressor 'own' must name rates that are reported, got q"):
        simulate(counted, bounding_rates={"q": "code_length"})


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"needs": [["model"]]}, r"must be of hessian, .*; got \['model'\]"),
        (
            {"bounding_rates": {"r": ["code_length"]}},
            "must be of code_length, information, data_information; got",
        ),
        ({"bounding_rates": {3: "code_length"}}, "must be kinds by the names of rates"),
        ({"fixed_rates": {"r": True}}, "must be at least 0 nats, got True"),
        ({"needs": {"hessien"}}, "needs of compressor 'identity' must be of hessian, .*; got hessien"),
        ({"needs": "model"}, "needs of compressor 'identity' must be a set of names"),
        ({"needs": {"hessian"}}, "S → W → Ŵ does not hold: markov must be False"),
        ({"needs": {"hessian_diagonal"}}, "sees the data besides W"),
        ({"markov": 1}, "markov of compressor 'identity' must be True or False, got 1"),
        ({"heavy_tailed": {"populaton_risk"}}, "must be of population_risk, .*; got populaton_risk"),
        ({"fixed_rates": {"r": -1.0}}, "must be at least 0 nats, got -1.0 for 'r'"),
        ({"fixed_rates": {"r": float("nan")}}, "must be at least 0 nats, got nan for 'r'"),
        ({"fixed_rates": {"r": 1j}}, "must be at least 0 nats"),
        ({"fixed_rates": {"r": "1"}}, "must be at least 0 nats"),
        ({"fixed_rates": [1.0]}, "must be numbers by name"),
        (
            {"bounding_rates": {"r": "entropy"}},
            "must be of code_length, information, data_information; got entropy",
        ),
        (
            {"markov": False, "bounding_rates": {"r": "information"}},
            r"calls 'r' a bound on I\(W; Ŵ\), which bounds nothing",
        ),
    ],
)
def test_declarations_that_cannot_be_are_refused(declared: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rd.compressor(identity, **{"markov": True, **declared})


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(ValueError, match="must be called as function"):
        rd.compressor(3, markov=True)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"is a plain function, .*: wrap it as rd\.compressor"):
        rd.simulate(MODEL, {"own": identity}, 4, KEY)  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="lacks markov, needs, prepare, heavy_tailed, fixed_rates"):
        rd.simulate(MODEL, {"own": 3}, 4, KEY)  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (lambda w: w, r"must return rd.Compressed\(reconstruction, rates\), got an array of shape \(6,\)"),
        (lambda w: (w, {}), "got a tuple"),
        (lambda w: None, "got a NoneType"),
        (
            lambda w: rd.Compressed(w[:3], {}),
            r"the shape \(6,\) of the weights, got an array of shape \(3,\)",
        ),
        (lambda w: rd.Compressed(w[None], {}), r"got an array of shape \(1, 6\)"),
        (lambda w: rd.Compressed(1.0, {}), "got a float"),
        (lambda w: rd.Compressed(w.astype(jnp.float32), {}), "type float64, got float32: cast it"),
        (lambda w: rd.Compressed(w + 0j, {}), "type float64, got complex128"),
        (lambda w: rd.Compressed(jnp.round(w).astype(int), {}), "type float64, got int64"),
        (lambda w: rd.Compressed(w, None), "rates by name, such as {}, got a NoneType"),
        (lambda w: rd.Compressed(w, {1: 2.0}), "rates by name"),
        (lambda w: rd.Compressed(w, {"r": w}), r"one real number each, got an array of shape \(6,\)"),
        (lambda w: rd.Compressed(w, {"r": 1j}), "one real number each, got a complex for 'r'"),
        (lambda w: rd.Compressed(w, {"r": "1"}), "one real number each, got a str for 'r'"),
    ],
)
def test_outputs_of_another_kind_are_refused_before_any_computing(output, message: str, monkeypatch) -> None:
    from ratedist.simulation import runner

    monkeypatch.setattr(runner, "run_batch", lambda *arguments: pytest.fail("something was computed"))
    with pytest.raises(ValueError, match=f"compress of 'own' .*{message}"):
        simulate(lambda key, weights, context: output(weights))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            lambda w: rd.Compressed(jnp.where(w[0] > 1.2, jnp.nan, w), {}),
            r"the reconstruction, and with it its \w+, of compressor 'own' must be finite, got nan in trial",
        ),
        (lambda w: rd.Compressed(w / 0, {}), "must be finite, got (inf|nan) in trial 0"),
        (
            lambda w: rd.Compressed(w, {"r": jnp.where(w[0] > 1.2, jnp.nan, 1.0)}),
            r"rate 'r' of compressor 'own' must be finite, got nan in trial \d+",
        ),
        (lambda w: rd.Compressed(w, {"r": -jnp.sum(w**2)}), "rate 'r' of .* must be at least 0 nats, got -"),
        (lambda w: rd.Compressed(w, {"r": jnp.inf}), "must be finite, got inf in trial 0"),
    ],
)
def test_values_that_cannot_be_are_refused(output, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate(lambda key, weights, context: output(weights))


def test_an_information_density_may_be_negative_in_one_trial() -> None:
    result = simulate(lambda key, w, context: rd.Compressed(w, {"information_density": jnp.sum(w)}))
    assert np.isfinite(result["own"].rates["information_density"].mean)


class NoPytree:
    """Its ``prepare`` returns an object that JAX does not know."""

    markov: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset()

    def prepare(self, model):
        return self

    def heavy_tailed(self, model):
        return frozenset()

    def fixed_rates(self, model):
        return {}

    def compress(self, key, weights, context):
        return rd.Compressed(weights, {})


class ListOfNeeds(NoPytree):
    needs: ClassVar = ["model"]


class OddTails(NoPytree):
    def heavy_tailed(self, model):
        return {"risk"}


def test_classes_that_jax_does_not_know_are_refused() -> None:
    for compressor, message in (
        (NoPytree(), "must return a JAX pytree whose leaves are arrays, got a NoPytree: register its class"),
        (ListOfNeeds(), r"needs of compressor 'own' must be a frozenset, got \['model'\]"),
        (OddTails(), "heavy_tailed of compressor 'own' must be of population_risk, .*; got risk"),
    ):
        with pytest.raises(ValueError, match=message):
            rd.simulate(MODEL, {"own": compressor}, 256, KEY)


def test_a_checkpoint_refuses_what_it_cannot_recognise(tmp_path: pathlib.Path) -> None:
    own = {"own": rd.compressor(identity, markov=True)}
    with pytest.raises(ValueError, match="'own' is known by its address in memory only"):
        rd.simulate(MODEL, own, 256, KEY, checkpoint_path=tmp_path / "state.npz")
    assert list(tmp_path.iterdir()) == []


def test_the_page_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(compile(code, "compressors.md", "exec"), namespace)
    assert "generalization_error" in capsys.readouterr().out.split("empirical_risk")[1]
    passed = rd.check_compressor(namespace["Shrink"](0.5), MODEL)
    table = re.findall(r"^\| `(\w+)` \|", PAGE.split("## 7")[1].split("## 8")[0], flags=re.MULTILINE)
    assert list(passed) == table


def test_kraft_sums_of_the_page() -> None:
    """A(j): vectors of j lengths whose Kraft sum is 1, counted through the multisets of lengths."""

    def vectors(count: int, left: float, shortest: int) -> list[tuple[int, ...]]:
        if count == 0:
            return [()] if left == 0 else []
        return [
            (length, *rest)
            for length in range(shortest, 8)
            if 2.0**-length <= left
            for rest in vectors(count - 1, left - 2.0**-length, length)
        ]

    def orders(lengths: tuple[int, ...]) -> int:
        return int(np.prod([1.0 * j for j in range(1, len(lengths) + 1)])) // int(
            np.prod([float(np.prod(range(1, lengths.count(one) + 1))) for one in set(lengths)])
        )

    counts = [sum(orders(one) for one in vectors(j, 1.0, 0)) for j in range(1, 9)]
    assert counts == [1, 1, 3, 13, 75, 525, 4347, 41245]
    factorials = np.cumprod(np.arange(1.0, 9.0))

    def bound(K: int, bits: int) -> float:
        return sum(counts[j - 1] / factorials[j - 1] * 2.0 ** (-(K - j) * bits) for j in range(1, K + 1))

    assert bound(7, 7) == pytest.approx(0.868, abs=5e-4)
    assert bound(8, 7) == pytest.approx(1.03, abs=5e-3)
    assert all(bound(K, bits) <= 1 for K in range(1, 8) for bits in (7, 8, 16, 64))
    for K in (1, 7, 8):
        kinds = rd.KMeans(K, center_bits=7).bounding_rates(MODEL)
        assert ("description_length" in kinds) == (K <= 7)
        assert kinds["decodable_length"] == "code_length"
    assert rd.KMeans(2).bounding_rates(MODEL) == {}
