import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ratedist.cli import main
from ratedist.container import RdzFile
from ratedist.networks import importance as importances
from ratedist.networks import parameter_files
from ratedist.networks.architecture import mlp
from ratedist.quantizers import kmeans
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.tree import quantize_tree
from tests.networks.drawn import drawn

PARAMETERS = drawn(mlp(40, (30,), 5))
RNG = np.random.default_rng(0)
DIAGONAL = jax.tree.map(lambda leaf: RNG.exponential(1e-5, leaf.shape), PARAMETERS)


def test_layers_have_mean_one():
    DIAGONAL["dense1"]["weight"][3] = 0
    found = importances.normalized_importance({**DIAGONAL, "activation": jnp.tanh, "steps": np.array(-1)})
    for layer, arrays in DIAGONAL.items():
        for name, h in arrays.items():
            assert found[layer][name].mean() == pytest.approx(1 + 1e-6, rel=1e-12)
            np.testing.assert_allclose(found[layer][name] - 1e-6, h / h.mean(), rtol=1e-9, atol=1e-12)
    assert np.all(found["dense1"]["weight"][3] == 1e-6)
    assert found["activation"] is jnp.tanh
    assert found["steps"] == -1
    scaled = importances.normalized_importance(jax.tree.map(lambda h: 1e-9 * h, DIAGONAL), floor=0)
    np.testing.assert_allclose(scaled["dense2"]["weight"] + 1e-6, found["dense2"]["weight"], rtol=1e-12)


def test_proportions_of_half_precision_are_means_of_all_entries():
    tenths = jnp.full(50_000, 0.1, jnp.bfloat16)
    for leaf in (tenths, np.asarray(tenths)):
        diagonal = {"a": leaf, "b": np.full(3, 0.1)}
        found = importances.in_proportion({"a": 1.0, "b": 1.0}, diagonal, diagonal)
        assert found["a"] == pytest.approx(float(tenths[0]), rel=1e-12)
        assert found["b"] == pytest.approx(0.1, rel=1e-12)


def test_proportions_are_the_same_in_other_units_of_the_weights():
    """A layer of hardly any curvature matters a millionth at least, whatever the units of the others."""
    weights, ones = {"a": np.arange(4.0), "b": np.arange(4.0)}, {"a": 1.0, "b": 1.0}
    for size, curvature, expected in ((1.0, 1e-9, 1e-6), (1e20, 1e-40, 1e-40), (1e20, 1e-49, 1e-46)):
        diagonal = {"a": np.ones(4), "b": np.full(4, curvature)}
        found = importances.in_proportion(ones, diagonal, {**weights, "b": size * weights["b"]})
        assert found == {"a": 1.0, "b": pytest.approx(expected, rel=1e-12)}
    nothing = {name: np.zeros(4) for name in weights}
    assert importances.in_proportion(ones, nothing, weights) == ones


def test_a_layer_without_curvature_has_equal_importances():
    np.testing.assert_array_equal(importances.normalized_importance(np.zeros(3)), np.full(3, 1 + 1e-6))


@pytest.mark.parametrize(
    ("diagonal", "floor", "message"),
    [
        ({"a": np.array([1.0, -1.0])}, 0, "diagonal of a must lie in"),
        ({"a": np.array([1.0, np.nan])}, 0, "diagonal of a must be finite"),
        ({"a": np.ones(2)}, -1, "floor must lie in"),
    ],
)
def test_bad_input_is_named(diagonal, floor, message):
    with pytest.raises(ValueError, match=message):
        importances.normalized_importance(diagonal, floor)


def test_there_and_back(tmp_path):
    path = tmp_path / "h.safetensors"
    with pytest.raises(ValueError, match="there is no folder"):
        parameter_files.save_parameters(tmp_path / "new" / "h.safetensors", DIAGONAL)
    assert parameter_files.save_parameters(path, DIAGONAL) == path.stat().st_size
    back = parameter_files.load_parameters(path, PARAMETERS)
    jax.tree.map(np.testing.assert_array_equal, back, DIAGONAL)
    other = {**PARAMETERS, "dense3": PARAMETERS["dense2"]}
    with pytest.raises(ValueError, match=r"no tensor 'dense3\.bias'"):
        parameter_files.load_parameters(path, other)
    with pytest.raises(ValueError, match=r"'dense1\.bias' must have the shape \(3,\)"):
        parameter_files.load_parameters(path, {"dense1": {"bias": np.zeros(3)}})
    with pytest.raises(ValueError, match="at least one array"):
        parameter_files.save_parameters(path, {"activation": jnp.tanh})
    for dropped in (np.ones(3, np.longdouble), np.array([object()])):
        with pytest.raises(ValueError, match=r"'c' is an array of .*, which a safetensors file cannot hold"):
            parameter_files.save_parameters(path, {"a": np.ones(3), "c": dropped})


def test_the_command_takes_them(tmp_path, capsys):
    """A model saved under the names of its tree, its importances beside it, and ``ratedist quantize``."""
    safetensors = pytest.importorskip("safetensors.numpy")
    model = {
        f"{layer}.{name}": np.asarray(leaf)
        for layer, arrays in PARAMETERS.items()
        for name, leaf in arrays.items()
    }
    safetensors.save_file(model, tmp_path / "model.safetensors")
    h = importances.normalized_importance(DIAGONAL)
    parameter_files.save_parameters(tmp_path / "h.safetensors", h)
    out = tmp_path / "model.rdz"
    options = [
        "--importance",
        str(tmp_path / "h.safetensors"),
        "--diameter-penalty",
        "3",
        "--min-size",
        "100",
    ]
    assert main(["quantize", str(tmp_path / "model.safetensors"), "-o", str(out), "-k", "5", *options]) == 0
    assert "compression ratios" in capsys.readouterr().out
    tree = quantize_tree(
        PARAMETERS, QuantizationConfig(num_clusters=5, diameter_penalty=3, min_size=100), importance=h
    ).reconstruction()
    with RdzFile(out) as file:
        for name in ("dense1.weight", "dense2.weight"):
            layer = name.split(".")[0]
            found = file.read(name).reconstruction()
            np.testing.assert_array_equal(found, tree[layer]["weight"])
            flat = np.asarray(PARAMETERS[layer]["weight"]).reshape(-1)
            weighted = kmeans(flat, 5, h[layer]["weight"].reshape(-1), diameter_penalty=3.0)
            np.testing.assert_allclose(found.reshape(-1), weighted.reconstruction, rtol=1e-6)
            assert not np.allclose(found.reshape(-1), kmeans(flat, 5).reconstruction, rtol=1e-3)
