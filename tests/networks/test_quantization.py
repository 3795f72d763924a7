import dataclasses
import inspect
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.container import TensorFile
from ratedist.networks import quantization
from ratedist.networks.calibration import fit_temperature
from ratedist.networks.curvature import pytrees
from ratedist.networks.losses import evaluate
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.model_file import dequantize_file, quantize_file
from tests.networks.models import HOLDOUT, PARAMETERS, TEST, TRAIN, logits_fn, samples

pytestmark = pytest.mark.usefixtures("some_limit")

quantize = rd.networks.quantize
CURVATURE = jax.tree.map(np.ones_like, PARAMETERS)


@pytest.fixture(scope="module")
def result():
    return quantize(
        PARAMETERS,
        logits_fn,
        TRAIN,
        rd.QuantizationConfig(num_clusters=3, min_size=100),
        holdout=HOLDOUT,
        test=TEST,
    )


def leaves_agree(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert (np.shape(a), a.dtype) == (np.shape(b), b.dtype)
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_parameters_are_as_before_but_for_their_values(result):
    for old, new in zip(jax.tree.leaves(PARAMETERS), jax.tree.leaves(result.parameters), strict=True):
        assert (old.shape, old.dtype, type(old)) == (new.shape, new.dtype, type(new))
    assert len(np.unique(result.parameters["hidden"]["kernel"])) == 3
    assert result.parameters["hidden"]["bias"] is PARAMETERS["hidden"]["bias"]


def test_it_is_hessian_weighted_k_means_with_the_curvature_of_the_loss(result):
    diagonal = pytrees.gauss_newton_diagonal(logits_fn, PARAMETERS, TRAIN[0])
    leaves_agree(result.curvature, diagonal)
    importance = rd.networks.normalized_importance(diagonal)
    expected = rd.quantize_tree(
        PARAMETERS, rd.QuantizationConfig(num_clusters=3, min_size=100), importance=importance
    )
    for name, tensor in expected.quantized.items():
        np.testing.assert_array_equal(result.tree.quantized[name].labels, tensor.labels)
        np.testing.assert_array_equal(result.tree.quantized[name].codebook, tensor.codebook)


def test_the_table_is_what_evaluating_both_says(result):
    sides = {"before": PARAMETERS, "after": result.parameters}
    splits = {"train": TRAIN, "holdout": HOLDOUT, "test": TEST}
    for side, parameters in sides.items():
        z = {name: np.asarray(logits_fn(parameters, x)) for name, (x, _) in splits.items()}
        T = fit_temperature(z["holdout"], HOLDOUT[1]).temperature
        assert getattr(result.comparison["temperature"], side).mean == pytest.approx(T, rel=1e-6)
        for name, (_, labels) in splits.items():
            expected = evaluate(z[name], labels)
            loss = getattr(result.comparison[f"{name}_loss"], side)
            assert loss.mean == pytest.approx(expected.loss.mean, rel=1e-5)
            assert loss.sem == pytest.approx(expected.loss.sem, rel=1e-5)
            accuracy = getattr(result.comparison[f"{name}_accuracy"], side)
            assert accuracy.mean == pytest.approx(expected.accuracy.mean)
        calibrated = getattr(result.comparison["calibrated_test_loss"], side)
        assert calibrated.mean == pytest.approx(evaluate(z["test"] / T, TEST[1]).loss.mean, rel=1e-5)
    change = result.comparison["train_loss"]
    assert change.difference.mean == pytest.approx(change.after.mean - change.before.mean)
    pair = [rd.networks.sample_losses(logits_fn, p, TRAIN) for p in sides.values()]
    assert change.difference.sem == pytest.approx(np.std(pair[1] - pair[0], ddof=1) / np.sqrt(300))


def test_three_ratios_by_name_and_the_file(result, tmp_path):
    size = result.save(tmp_path / "model.rdz")
    leaves_agree(rd.load_tree(tmp_path / "model.rdz", PARAMETERS), result.parameters)
    assert result.entropy_ratio == result.tree.entropy_ratio
    assert result.huffman_ratio == result.tree.huffman_ratio
    assert result.file_ratio == size / (4 * (1200 + 30 + 150 + 5))
    text = str(result)
    for ratio in (result.entropy_ratio, result.huffman_ratio, result.file_ratio):
        assert f"{ratio:.4f}" in text
    assert "original" in text
    assert "1,350 weights in 2 arrays, K = 3" in text
    assert "calibrated test loss" in text
    assert text.endswith("curvature: measured on 300 training samples")


def test_without_held_out_samples_nothing_is_calibrated(result):
    found = quantize(
        PARAMETERS,
        logits_fn,
        TRAIN,
        rd.QuantizationConfig(num_clusters=3, min_size=100),
        curvature=result.curvature,
        test=TEST,
    )
    assert list(found.comparison.rows) == ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    assert found.curvature_samples == 0
    assert "measured" not in str(found)
    leaves_agree(found.parameters, result.parameters)


def test_curvature_on_a_random_part(result):
    found = quantize(
        PARAMETERS,
        logits_fn,
        TRAIN,
        rd.QuantizationConfig(num_clusters=3, min_size=100, seed=4),
        curvature_samples=80,
    )
    assert found.curvature_samples == 80
    error = found.curvature_errors["hidden.kernel"].mean
    worst = max(error, found.curvature_errors["output.kernel"].mean)
    sampled, full = found.curvature["hidden"]["kernel"], result.curvature["hidden"]["kernel"]
    assert 0 < abs(sampled.mean() / full.mean() - 1) < 4 * error < 0.5
    assert "80 training samples drawn at random" in str(found)
    assert str(found).endswith(f"relative standard error of an array's mean up to {worst:.1%}")


def test_a_budget_goes_where_the_curvature_is(result, tmp_path):
    diagonal = result.curvature
    found = {}
    for factor in (1e-4, 1e4):
        scaled = {**diagonal, "output": jax.tree.map(lambda h: h * factor, diagonal["output"])}  # noqa: B023
        model = quantize(
            PARAMETERS,
            logits_fn,
            TRAIN,
            rd.QuantizationConfig(bits_per_weight=5.5, min_size=100),
            curvature=scaled,
        )
        # 35 biases stay as they are.
        assert 8 * (model.save(tmp_path / "model.rdz") - 4 * 35) <= 5.5 * 1350
        found[factor] = {name: t.num_clusters for name, t in model.tree.quantized.items()}
        assert "K from" in str(model)
    assert found[1e-4]["output.kernel"] < found[1e4]["output.kernel"]
    assert found[1e-4]["hidden.kernel"] > found[1e4]["hidden.kernel"]


def test_a_budget_is_shared_as_the_curvature_itself_would(result):
    budget = {"bits_per_weight": 6.0, "min_size": 100}
    model = quantize(
        PARAMETERS, logits_fn, TRAIN, rd.QuantizationConfig(**budget), curvature=result.curvature
    )
    expected = rd.quantize_tree(PARAMETERS, rd.QuantizationConfig(**budget), importance=result.curvature)
    for name, tensor in expected.quantized.items():
        assert model.tree.quantized[name].num_clusters == tensor.num_clusters
    zero = jax.tree.map(np.zeros_like, result.curvature)
    assert (
        quantize(PARAMETERS, logits_fn, TRAIN, rd.QuantizationConfig(**budget), curvature=zero).huffman_ratio
        < 6 / 32
    )


def test_penalties(result):
    def diameter(**options):
        found = quantize(
            PARAMETERS,
            logits_fn,
            TRAIN,
            rd.QuantizationConfig(num_clusters=3, min_size=100, **options),
            curvature=result.curvature,
        )
        return found.tree.quantized["hidden.kernel"].diameter

    free, pressed = diameter(), diameter(diameter_penalty=200.0)
    assert pressed < 0.9 * free
    # Importances of mean 1 add up to the number of weights.
    assert diameter(diameter_penalty=200 / 1200, relative_penalty=True) == pytest.approx(pressed, rel=1e-4)


def test_any_loss():
    weights = {"slope": np.random.default_rng(0).normal(size=(50, 30))}
    x, _ = samples(60)
    data = {"x": x[:, :30], "y": np.zeros(60)}

    def loss_fn(weights, batch):
        return jnp.mean((batch["x"] @ weights["slope"].T - batch["y"][:, None]) ** 2, axis=1)

    found = quantize(weights, loss_fn, data, 4, returns="loss")
    assert isinstance(found.parameters["slope"], np.ndarray)
    fisher = pytrees.empirical_fisher_diagonal(loss_fn, weights, data)
    np.testing.assert_allclose(found.curvature["slope"], fisher["slope"], rtol=1e-12)
    expected = [np.asarray(loss_fn(tree, data)).mean() for tree in (weights, found.parameters)]
    assert list(found.comparison.rows) == ["train_loss"]
    assert found.comparison["train_loss"].before.mean == pytest.approx(expected[0])
    assert found.comparison["train_loss"].after.mean == pytest.approx(expected[1])
    part = quantize(weights, loss_fn, data, 4, returns="loss", curvature_samples=30)
    assert 0 < part.curvature_errors["slope"].mean < 0.5


@pytest.mark.slow
def test_equinox():
    eqx = pytest.importorskip("equinox")
    model = eqx.nn.MLP(40, 5, 30, 1, key=jax.random.key(0))
    result = quantize(model, lambda model, x: jax.vmap(model)(x), TRAIN, 4, test=TEST)
    assert isinstance(result.parameters, eqx.nn.MLP)
    assert result.parameters.activation is model.activation
    assert list(result.tree.quantized) == ["layers.0.weight"]
    assert jax.vmap(result.parameters)(TEST[0]).shape == (90, 5)
    assert len(np.unique(result.parameters.layers[0].weight)) == 4


@pytest.mark.slow
def test_flax():
    linen = pytest.importorskip("flax.linen")

    class Classifier(linen.Module):
        @linen.compact
        def __call__(self, x):
            x = linen.relu(linen.Dense(30)(x))
            return linen.Dense(5)(x)

    model = Classifier()
    parameters = model.init(jax.random.key(0), TRAIN[0][:1])
    result = quantize(parameters, model.apply, TRAIN, 4, test=TEST)
    assert list(result.tree.quantized) == ["params.Dense_0.kernel"]
    assert model.apply(result.parameters, TEST[0]).shape == (90, 5)


def test_a_pytorch_state_dict(tmp_path):
    """Weights are (outputs, inputs), names have dots, and the file goes back to PyTorch."""
    numpy_files = pytest.importorskip("safetensors.numpy")
    state_dict = {
        "fc1.weight": np.ascontiguousarray(np.asarray(PARAMETERS["hidden"]["kernel"]).T),
        "fc1.bias": np.zeros(30, np.float32),
        "fc2.weight": np.ascontiguousarray(np.asarray(PARAMETERS["output"]["kernel"]).T),
        "fc2.bias": np.zeros(5, np.float32),
    }
    numpy_files.save_file(state_dict, tmp_path / "model.safetensors")

    def torch_logits(state, x):
        hidden = jax.nn.relu(x @ state["fc1.weight"].T + state["fc1.bias"][None])
        return hidden @ state["fc2.weight"].T + state["fc2.bias"][None]

    state = numpy_files.load_file(tmp_path / "model.safetensors")
    result = quantize(state, torch_logits, TRAIN, 4, test=TEST)
    result.save(tmp_path / "model.rdz")
    dequantize_file(tmp_path / "model.rdz", tmp_path / "back.safetensors")
    back = numpy_files.load_file(tmp_path / "back.safetensors")
    assert back.keys() == state_dict.keys()
    for name, array in back.items():
        np.testing.assert_array_equal(array, result.parameters[name])
    # The same without Python, from a file of importances.
    importance = rd.networks.normalized_importance(result.curvature)
    rd.networks.save_parameters(tmp_path / "importance.safetensors", importance)
    config = QuantizationConfig(num_clusters=4)
    quantize_file(
        tmp_path / "model.safetensors",
        tmp_path / "cli.rdz",
        config,
        importance=tmp_path / "importance.safetensors",
    )
    dequantize_file(tmp_path / "cli.rdz", tmp_path / "cli.safetensors")
    with TensorFile(tmp_path / "cli.safetensors") as file:
        np.testing.assert_array_equal(file.read("fc1.weight"), back["fc1.weight"])


def test_a_model_is_flattened_once(monkeypatch, result):
    """Parameters and curvature are taken apart once each; what follows goes by name."""
    seen = []
    flatten = jax.tree_util.tree_flatten_with_path

    def counted(tree, *arguments, **options):
        seen.append(tree)
        return flatten(tree, *arguments, **options)

    monkeypatch.setattr(quantization, "compare", lambda *_, **__: None)
    monkeypatch.setattr(jax.tree_util, "tree_flatten_with_path", counted)
    config = rd.QuantizationConfig(bits_per_weight=6.0, min_size=100)
    quantize(PARAMETERS, logits_fn, TRAIN, config, curvature=result.curvature)
    assert [one is other for one, other in zip(seen, (PARAMETERS, result.curvature), strict=True)] == [
        True
    ] * 2


@pytest.mark.slow
def test_the_example_of_the_docstring(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(quantization.quantize).split("::\n\n")[1].split("\n\nArgs:")[0]
    exec(compile(textwrap.dedent(text), "docstring", "exec"), {})
    assert "train loss" in capsys.readouterr().out
    assert (tmp_path / "digits.rdz").stat().st_size < 4 * 64 * 32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": TRAIN[0]}, r"data must be a pair \(inputs, labels\)"),
        ({"test": (TEST[0], TEST[1][:3])}, "arrays of one length"),
        ({"returns": "gradients"}, "returns must be one of logits, loss"),
        ({"diameter_penalty": 5.0, "bits_per_weight": 2.0}, "must have relative_penalty=True"),
        ({"curvature_samples": 1}, "curvature_samples must be at least 2"),
        ({"seed": 1, "curvature": CURVATURE}, "here nothing is random"),
        ({"seed": 1, "curvature_samples": None}, "here nothing is random"),
        ({"seed": 1}, "here nothing is random"),
        ({"num_clusters": 3, "bits_per_weight": 4.0, "curvature": CURVATURE}, "must not be given beside"),
        ({"curvature": [1.0]}, "curvature must have the structure"),
        ({"data": (TRAIN[0], TRAIN[1] + 5), "curvature": CURVATURE}, "labels must lie in"),
        ({"include": ("*bias",), "curvature_samples": 20}, "no leaf to quantise"),
        ({"include": ("nothing",), "curvature_samples": 20}, "include: no tensor has a name like 'nothing'"),
        ({"returns": "loss", "data": TRAIN[0], "curvature": CURVATURE}, r"shape \(batch,\), got \(300, 5\)"),
        ({"function": lambda p, x: jnp.sum(p["hidden"]["kernel"]), "returns": "loss"}, "loss of each sample"),
    ],
)
def test_bad_input(change, message):
    names = {field.name for field in dataclasses.fields(rd.QuantizationConfig)}
    arguments = {"parameters": PARAMETERS, "function": logits_fn, "data": TRAIN}
    arguments |= {name: value for name, value in change.items() if name not in names}
    config = rd.QuantizationConfig(**{name: value for name, value in change.items() if name in names})
    with pytest.raises(ValueError, match=message):
        quantize(config=config, **arguments)


def test_the_seed_of_a_random_start():
    """It is kept where the method draws, and goes to the curvature alone where it does not."""
    drawn = rd.QuantizationConfig(method=rd.Lloyd(init="kmeans++"), seed=2)
    assert quantization._seed_and_checked(drawn, False) == (2, drawn)
    plain = rd.QuantizationConfig(seed=2)
    assert quantization._seed_and_checked(plain, True) == (2, rd.QuantizationConfig())


def with_parts(function):
    """The classifier with a buffer that is not read, and the mask of a softmax whose outcome is one."""

    def logits(parameters, inputs):
        share = jnp.sum(jax.nn.softmax(jnp.asarray(parameters["mask"], jnp.float32)[:, 0]))
        return function(parameters, inputs) * share

    return logits


@pytest.mark.parametrize(
    ("budget", "samples_of_curvature"),
    [
        (True, 100),
        pytest.param(False, None, marks=pytest.mark.slow),
        pytest.param(False, 100, marks=pytest.mark.slow),
        pytest.param(True, None, marks=pytest.mark.slow),
    ],
)
def test_arrays_that_are_not_finite_stay_with_a_warning_as_in_a_tree(result, samples_of_curvature, budget):
    mask = np.where(np.arange(1600).reshape(40, 40) < 800, 0.0, -np.inf).astype(np.float32)
    parts = {"mask": mask, "buffer": np.full((40, 30), np.nan, np.float32), "small": np.full(3, np.nan)}
    parameters = PARAMETERS | parts
    config = rd.QuantizationConfig(
        min_size=100, **({"bits_per_weight": 6.0} if budget else {"num_clusters": 3})
    )
    function = with_parts(logits_fn)
    told = "the weights of 'buffer', 'mask' are not finite, and left as they are; exclude="
    with pytest.warns(UserWarning, match=told) as warned:
        found = quantize(parameters, function, TRAIN, config, curvature_samples=samples_of_curvature)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    assert list(found.tree.quantized) == ["hidden.kernel", "output.kernel"]
    for name, array in parts.items():
        np.testing.assert_array_equal(found.parameters[name], array)
        assert not np.any(found.curvature[name])
    if samples_of_curvature is None:
        # The arrays beside them do not matter to the others.
        for layer in ("hidden", "output"):
            np.testing.assert_allclose(
                found.curvature[layer]["kernel"], result.curvature[layer]["kernel"], rtol=1e-4
            )
    with pytest.warns(UserWarning, match=told):
        tree = rd.quantize_tree(parameters, rd.QuantizationConfig(num_clusters=3, min_size=100))
    assert tree.quantized.keys() == found.tree.quantized.keys()
    # Handed over, the curvature serves once more.
    with pytest.warns(UserWarning, match=told):
        again = quantize(parameters, function, TRAIN, config, curvature=found.curvature)
    leaves_agree(again.parameters["hidden"], found.parameters["hidden"])


def test_nan_that_the_function_reads_is_told_of():
    spoilt = PARAMETERS | {"hidden": PARAMETERS["hidden"] | {"kernel": np.full((40, 30), np.nan, np.float32)}}
    with (
        pytest.warns(UserWarning, match=r"the weights of 'hidden\.kernel' are not finite"),
        pytest.raises(ValueError, match=r"'hidden\.kernel' are not finite, and so is what function returns"),
    ):
        quantize(spoilt, logits_fn, TRAIN, rd.QuantizationConfig(num_clusters=3, min_size=100))
    alone = {"only": np.full((40, 30), np.nan)}
    with pytest.raises(ValueError, match="no leaf to quantise: the weights of 'only' are not finite"):
        quantize(alone, lambda parameters, x: x[:, :5], TRAIN, rd.QuantizationConfig(min_size=100))
