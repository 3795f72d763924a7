import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.container import RdzFile, RdzWriter
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.tree import quantize_tree
from ratedist.tensors.tree_file import LEAVES_KEY, load_tree

pytestmark = pytest.mark.usefixtures("some_limit")

Pair = collections.namedtuple("Pair", ["kernel", "bias"])


def parameters():
    rng = np.random.default_rng(0)
    return {
        "dense": Pair(jnp.asarray(rng.normal(size=(40, 30)), jnp.float32), jnp.zeros(30, jnp.float32)),
        "stack": [
            rng.normal(size=(50, 30)).astype(np.float16),
            jnp.asarray(rng.normal(size=1200), jnp.bfloat16),
        ],
        "steps": np.arange(2000),
        "activation": jnp.tanh,
        "rate": 0.5,
        "none": None,
    }


def test_names_and_what_is_left_alone():
    tree = parameters()
    result = quantize_tree(tree, 8)
    assert set(result.quantized) == {"dense.kernel", "stack.0", "stack.1"}
    assert set(result.others) == {"dense.bias", "steps", "activation", "rate"}
    back = result.reconstruction()
    assert jax.tree.structure(back) == jax.tree.structure(tree)
    assert back["activation"] is jnp.tanh
    for old, new in zip(jax.tree.leaves(tree), jax.tree.leaves(back), strict=True):
        if hasattr(old, "dtype"):
            assert (old.dtype, old.shape) == (new.dtype, new.shape)
    assert np.unique(np.asarray(back["dense"].kernel)).size == 8
    expected = rd.kmeans(np.asarray(tree["dense"].kernel, float).ravel(), 8)
    np.testing.assert_array_equal(result.quantized["dense.kernel"].labels, expected.labels)


def test_ratios_are_three(tmp_path):
    result = quantize_tree(parameters(), 8)
    bits = 32 * 1200 + 16 * 1500 + 16 * 1200
    sizes = [t.sizes for t in result.quantized.values()]
    codebooks = 8 * (32 + 16 + 16)
    assert result.entropy_ratio == pytest.approx((sum(s.entropy for s in sizes) + codebooks) / bits)
    assert result.huffman_ratio == pytest.approx((sum(s.huffman for s in sizes) + codebooks) / bits)
    assert result.entropy_ratio < result.huffman_ratio
    size = result.save(tmp_path / "tree.rdz")
    assert size == (tmp_path / "tree.rdz").stat().st_size
    everything = bits / 8 + 30 * 4 + 2000 * 8
    assert (result.file_bytes(), result.file_ratio) == (size, size / everything)


def test_save_and_load(tmp_path):
    tree = parameters()
    result = quantize_tree(tree, QuantizationConfig(num_clusters=4, block_length=2))
    result.save(tmp_path / "tree.rdz")
    loaded, expected = load_tree(tmp_path / "tree.rdz", tree), result.reconstruction()
    assert jax.tree.structure(loaded) == jax.tree.structure(tree)
    assert loaded["activation"] is jnp.tanh
    for a, b in zip(jax.tree.leaves(loaded), jax.tree.leaves(expected), strict=True):
        if hasattr(a, "dtype"):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def test_load_into_another_tree(tmp_path, monkeypatch):
    tree = parameters()
    quantize_tree(tree, 4).save(tmp_path / "tree.rdz")
    with pytest.raises(ValueError, match="differ in their arrays: 'steps'"):
        load_tree(tmp_path / "tree.rdz", {key: value for key, value in tree.items() if key != "steps"})
    monkeypatch.setattr(RdzFile, "read_many", None)  # nothing is decoded that does not belong here
    with pytest.raises(ValueError, match=r"'steps' must have shape \(7,\)"):
        load_tree(tmp_path / "tree.rdz", {**tree, "steps": np.arange(7)})


def test_selection_and_importance():
    tree = parameters()
    assert set(quantize_tree(tree, QuantizationConfig(num_clusters=8, include=("stack*",))).quantized) == {
        "stack.0",
        "stack.1",
    }
    assert set(quantize_tree(tree, QuantizationConfig(num_clusters=8, exclude=("stack*",))).quantized) == {
        "dense.kernel"
    }
    assert set(quantize_tree(tree, 8, select=lambda name, leaf: leaf.ndim == 1).quantized) == {"stack.1"}
    assert "dense.bias" in quantize_tree(tree, QuantizationConfig(num_clusters=8, min_size=10)).quantized
    importance = jax.tree.map(lambda leaf: np.ones(np.shape(leaf)) if hasattr(leaf, "dtype") else leaf, tree)
    weighted = quantize_tree(tree, 8, importance=importance)
    plain = quantize_tree(tree, 8)
    for name in plain.quantized:
        np.testing.assert_array_equal(weighted.quantized[name].labels, plain.quantized[name].labels)
    importance["dense"] = Pair(np.zeros((40, 30)), np.zeros(30))
    with pytest.raises(ValueError, match=r"tensor 'dense.kernel': importance must be positive"):
        quantize_tree(tree, 8, importance=importance)
    with pytest.raises(ValueError, match="importance must have the structure"):
        quantize_tree(tree, 8, importance=[1])


def test_budget(tmp_path):
    result = quantize_tree(parameters(), QuantizationConfig(bits_per_weight=3.5))
    # The names of leaves that are no arrays are in the file too.
    size = result.save(tmp_path / "tree.rdz") - 30 * 4 - 2000 * 8
    assert 3.4 < 8 * size / (1200 + 1500 + 1200) <= 3.5


def test_nothing_to_quantise_and_clashing_names():
    with pytest.raises(ValueError, match="no leaf to quantise"):
        quantize_tree({"a": jnp.zeros(3)}, 2)
    with pytest.raises(ValueError, match="two leaves have the same name"):
        quantize_tree(
            {"a.b": jnp.zeros(3), "a": {"b": jnp.zeros(3)}}, QuantizationConfig(num_clusters=2, min_size=1)
        )
    with pytest.raises(ValueError, match="num_clusters"):
        quantize_tree(parameters(), 0)
    with pytest.raises(ValueError, match="exclude: no tensor has a name like 'dens'"):
        quantize_tree(parameters(), QuantizationConfig(exclude=("dens",)))


def test_options_without_effect_are_refused():
    for options, message in (
        ({"seed": 0}, "seed is for block_length above 1"),
        ({"relative_penalty": True}, "relative_penalty is a unit"),
        ({"min_clusters": 2}, "min_clusters needs bits_per_weight"),
        ({"num_clusters": 4, "bits_per_weight": 4.0}, "num_clusters must not be given beside"),
        ({"method": "optimal", "block_length": 2}, 'method "optimal" is for block_length 1'),
    ):
        with pytest.raises(ValueError, match=message):
            quantize_tree(parameters(), QuantizationConfig(**options))


def test_method():
    tree = {"w": np.random.default_rng(0).standard_t(2, 3000)}
    losses = {
        m: quantize_tree(tree, QuantizationConfig(num_clusters=9, method=m)).quantized["w"].distortion
        for m in (None, "optimal")
    }
    optimum = rd.kmeans(tree["w"], 9, method="optimal").objective / 3000
    assert losses["optimal"] == pytest.approx(optimum, rel=1e-6)
    assert losses["optimal"] <= losses[None]


def test_values_are_compared(tmp_path):
    """What is no array is not in the file, but a number that is not the one of then is found."""
    tree = {"w": np.random.default_rng(0).normal(size=2000), "rate": 0.5, "name": "ReLU", "f": jnp.tanh}
    path = tmp_path / "tree.rdz"
    quantize_tree(tree, 4).save(path)
    assert load_tree(path, tree)["rate"] == 0.5
    with pytest.raises(ValueError, match=r"'rate' is 0.25 in the tree, and was 0.5"):
        load_tree(path, {**tree, "rate": 0.25})
    with pytest.raises(ValueError, match="'name' is 'tanh' in the tree, and was 'ReLU'"):
        load_tree(path, {**tree, "name": "tanh"})
    for content in ("[]", "{", "[" * 100_000):
        with RdzWriter(path, metadata={LEAVES_KEY: content}) as writer:
            writer.add_raw("w", tree["w"])
        with pytest.raises(ValueError, match="something else than leaves"):
            load_tree(path, tree)


@pytest.mark.parametrize(
    "array",
    [np.ones(3, complex), np.ones(3, np.longdouble), np.array(["a"]), np.array([None]), jax.random.key(0)],
    ids=lambda array: str(array.dtype),
)
def test_arrays_that_a_file_cannot_hold_are_not_dropped(tmp_path, array):
    found = quantize_tree({"w": np.random.default_rng(0).normal(size=2000), "odd": {"one": array}}, 4)
    assert found.reconstruction()["odd"]["one"] is array
    with pytest.raises(ValueError, match=r"'odd.one' is an array of .*, which a .rdz file cannot hold"):
        found.save(tmp_path / "tree.rdz")
    assert list(tmp_path.iterdir()) == []


def test_the_other_byte_order(tmp_path):
    w = np.random.default_rng(0).normal(size=2000).astype(">f4")
    tree = {"w": w, "steps": np.arange(7, dtype=">i8")}
    found = quantize_tree(tree, 4)
    assert list(found.quantized) == ["w"]
    found.save(tmp_path / "tree.rdz")
    loaded = load_tree(tmp_path / "tree.rdz", tree)
    np.testing.assert_array_equal(loaded["steps"], np.arange(7))
    np.testing.assert_array_equal(loaded["w"], quantize_tree({"w": w.astype("=f4")}, 4).reconstruction()["w"])


def test_weights_that_are_not_finite_stay():
    """As in the command; the warning names the option that says so without one."""
    good = np.random.default_rng(0).normal(size=2000)
    tree = {"good": good, "nan": np.full(2000, np.nan), "inf": jnp.full(2000, np.inf, jnp.bfloat16)}
    told = r"weights of 'inf', 'nan' are not finite, and left as they are; exclude=\('inf', 'nan'\)"
    for options in ({"num_clusters": 4}, {"bits_per_weight": 3}):
        with pytest.warns(UserWarning, match=told) as caught:
            found = quantize_tree(tree, QuantizationConfig(**options))
        assert caught[0].filename == __file__
        assert list(found.quantized) == ["good"]
        assert found.reconstruction()["nan"] is tree["nan"]
        silent = quantize_tree(tree, QuantizationConfig(**options, exclude=("inf", "nan")))
        np.testing.assert_array_equal(silent.quantized["good"].labels, found.quantized["good"].labels)
    with pytest.raises(ValueError, match="no leaf to quantise: the weights of 'nan' are not finite"):
        quantize_tree({"nan": tree["nan"]}, 4)


def test_why_there_is_nothing_to_quantise():
    tree = {"a": np.zeros(3), "b": np.zeros(2000, int), "c": "ReLU", "d": np.zeros(2000), "e": 1}
    with pytest.raises(ValueError, match="no leaf to quantise") as caught:
        quantize_tree({**tree, "f": 2, "g": 3}, 2, select=lambda name, leaf: False)
    assert str(caught.value) == (
        "parameters have no leaf to quantise: 'a': fewer than 1024 weights (min_size); "
        "'b': int64, not floating-point of 16 to 64 bits; 'c': no array that a file can hold, but 'ReLU'; "
        "'d': not selected; 'e': no array that a file can hold, but 1; and 2 more"
    )
    with pytest.raises(ValueError, match="they have none at all"):
        quantize_tree({}, 2)


def test_the_name_of_a_file_is_no_tree(tmp_path):
    for name in ("model.safetensors", tmp_path / "model.safetensors"):
        with pytest.raises(ValueError, match=r"read the file first, e\.g\. by safetensors\.numpy\.load_file"):
            quantize_tree(name, 4)


def test_select_is_a_function_to_true_or_false():
    tree = {"w": np.random.default_rng(0).normal(size=2000)}
    assert list(quantize_tree(tree, 4, select=lambda name, leaf: np.any(leaf > 0)).quantized) == ["w"]
    assert list(quantize_tree(tree, 4, select=lambda name, leaf: jnp.array(True)).quantized) == ["w"]
    for wrong in ("w", ["w"]):
        with pytest.raises(ValueError, match=r"select must be a function, select\(name, leaf\), got"):
            quantize_tree(tree, 4, select=wrong)
    for wrong in (None, "yes", 1):
        with pytest.raises(ValueError, match=r"select must return True or False, got .* for 'w'"):
            quantize_tree(tree, 4, select=lambda name, leaf, wrong=wrong: wrong)
