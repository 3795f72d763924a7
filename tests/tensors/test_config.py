"""One record of options: its shorthand, what it refuses, which tensors it chooses."""

import dataclasses
import inspect
import re
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

import ratedist as rd
from ratedist.container import RdzFile
from ratedist.tensors.config import QuantizationConfig

W = {"w": np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)}


def test_an_integer_is_short_for_clusters_and_nothing_for_the_defaults():
    assert QuantizationConfig.of(5) == QuantizationConfig(num_clusters=5)
    assert QuantizationConfig.of(None) == QuantizationConfig()
    assert QuantizationConfig.of(None).clusters == 16
    config = QuantizationConfig(bits_per_weight=3)
    assert QuantizationConfig.of(config) is config
    assert QuantizationConfig.of(np.int64(5)) == QuantizationConfig(num_clusters=5)
    with pytest.raises(ValueError, match="num_clusters must be at least 1, got 0"):
        QuantizationConfig.of(0)
    with pytest.raises(ValueError, match="seed is for block_length above 1"):
        QuantizationConfig.of(QuantizationConfig(seed=3))


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        (True, "True"),
        (2.5, "2.5"),
        ("16", "'16'"),
        ([4], "an object of type list"),
        (W, "an object of type dict"),
        (W["w"], "an object of type ndarray"),
        (rd.Optimal(), "an object of type Optimal"),
        (rd.QuantizationConfig, "the class QuantizationConfig itself"),
    ],
)
def test_what_is_no_configuration(wrong, got):
    """Also where the two arguments are swapped: no dump of the weights."""
    message = f"config must be an rd.QuantizationConfig, a number of clusters, or None, got {got}"
    for parameters in (W, 16):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            rd.quantize_tree(parameters, wrong)


def test_nothing_goes_by_position():
    with pytest.raises(TypeError):
        QuantizationConfig(16)  # pyright: ignore[reportCallIssue]


def test_the_coder_is_the_coder_of_the_file(tmp_path):
    pytest.importorskip("constriction")
    tree = rd.quantize_tree(W, rd.QuantizationConfig(num_clusters=8, coder="ans"))
    sizes = {}
    for coder in (None, "ans", "huffman"):
        sizes[coder] = tree.save(tmp_path / "file", coder)
        assert sizes[coder] == tree.file_bytes(coder)
        with RdzFile(tmp_path / "file") as file:
            assert file.entries["w"].coder == (coder or "ans")
    assert sizes[None] == sizes["ans"] != sizes["huffman"]


def test_a_method_is_a_name_or_a_record():
    found = [
        rd.quantize_tree(W, rd.QuantizationConfig(num_clusters=4, method=method)).quantized["w"]
        for method in (None, "lloyd", rd.Lloyd(), rd.Lloyd(max_iterations=1, init="linear"))
    ]
    for same in found[1:3]:
        np.testing.assert_array_equal(same.codebook, found[0].codebook)
    assert found[3].distortion > found[0].distortion
    with pytest.raises(ValueError, match="for a diameter_penalty above zero"):
        QuantizationConfig.of(QuantizationConfig(method=rd.Optimal(tolerance=0.1)))


def test_no_pattern_is_all_and_a_star_too():
    for include in ((), ("*",), ("w",)):
        assert list(rd.quantize_tree(W, rd.QuantizationConfig(include=include)).quantized) == ["w"]


def test_it_is_quick_to_import():
    code = (
        "import sys, ratedist.tensors.config\n"
        "heavy = ('jax', 'scipy', 'pandas', 'ratedist.container', 'tyro')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_clusters": 0}, "num_clusters"),
        ({"block_length": 0}, "block_length"),
        ({"bits_per_weight": 0.0}, "bits_per_weight"),
        ({"diameter_penalty": -1.0}, "diameter_penalty"),
        ({"codebook_dtype": "int8"}, "codebook_dtype"),
        ({"coder": "zip"}, "coder"),
        ({"min_size": 0}, "min_size"),
        ({"seed": -1, "block_length": 2}, "seed"),
        ({"seed": 0}, "seed is for block_length above 1"),
        ({"num_clusters": 16, "bits_per_weight": 2.0}, "num_clusters must not be given beside"),
        ({"min_clusters": 3}, "min_clusters needs bits_per_weight"),
        ({"min_clusters": 0, "bits_per_weight": 2.0}, "min_clusters must be at least 1"),
        ({"min_clusters": 257, "bits_per_weight": 2.0}, "min_clusters must be at most 256"),
        (
            {"relative_penalty": "no", "diameter_penalty": 1.0},
            "relative_penalty must be True or False, got 'no'",
        ),
        ({"relative_penalty": 1, "diameter_penalty": 1.0}, "relative_penalty must be True or False, got 1"),
        ({"relative_penalty": True}, "relative_penalty is a unit of diameter_penalty"),
        ({"include": "w"}, "include must be a tuple of patterns, got 'w'"),
        ({"exclude": ("w", None)}, "exclude must be a tuple of patterns"),
        ({"exclude": (name for name in "w")}, "exclude must be a tuple of patterns"),
        ({"method": "best"}, "method must be one of lloyd, optimal, algorithm1"),
        ({"method": "optimal", "block_length": 2}, 'method "optimal" is for block_length 1'),
    ],
)
def test_bad_configuration(change, message):
    with pytest.raises(ValueError, match=message):
        QuantizationConfig(**change).check()


def test_patterns_that_match_nothing():
    QuantizationConfig(include=("a*", "*"), exclude=("*b",)).check_patterns(["a1", "b"])
    for option in ("include", "exclude"):
        with pytest.raises(ValueError, match=f"{option}: no tensor has a name like 'c.'"):
            QuantizationConfig(**{option: ("a1", "c?")}).check_patterns(["a1", "b"])


@pytest.mark.parametrize("name", ["layers[0].w", "[!w]", "a*b?"])
def test_a_name_is_like_itself(name):
    config = QuantizationConfig(exclude=(name,), min_size=1)
    config.check_patterns([name, "w"])
    assert not selects(config, name, np.dtype(np.float32), 100)
    assert selects(config, "w", np.dtype(np.float32), 100)


@pytest.mark.parametrize(
    ("change", "name", "dtype", "reason"),
    [
        ({}, "w", np.int32, "int32, not floating-point of 16 to 64 bits"),
        ({"exclude": ("x*", "w*")}, "w1", np.float32, "excluded by 'w[*]'"),
        ({"include": ("x*",)}, "w1", np.float32, "not included"),
        ({"min_size": 101}, "w", np.float16, r"fewer than 101 weights \(min_size\)"),
        ({"block_length": 7}, "w", np.float64, "fewer than 16 blocks of 7, one for each cluster"),
        ({"block_length": 101, "bits_per_weight": 3.0}, "w", np.float64, "fewer than 1 blocks of 101"),
    ],
)
def test_why_a_tensor_stays_as_it_is(change, name, dtype, reason):
    config = QuantizationConfig(**{"min_size": 100} | change)
    assert re.match(reason, config.reason_to_leave(name, np.dtype(dtype), 100))
    assert QuantizationConfig(min_size=100).reason_to_leave(name, np.dtype(np.float32), 100) is None


def selects(config, *tensor):
    return config.reason_to_leave(*tensor) is None


def test_selection():
    config = QuantizationConfig(
        num_clusters=16, include=("*.weight", "head*"), exclude=("*norm*",), min_size=100
    )
    single = np.dtype(np.float32)
    assert selects(config, "layer.weight", single, 100)
    assert selects(config, "head.bias", np.dtype(ml_dtypes.bfloat16), 1000)
    assert not selects(config, "layer.bias", single, 1000)
    assert not selects(config, "norm.weight", single, 1000)
    assert not selects(config, "layer.weight", single, 99)
    assert not selects(config, "layer.weight", np.dtype(np.int32), 1000)
    assert not selects(QuantizationConfig(num_clusters=256, block_length=2), "w", single, 511)
    assert not selects(
        QuantizationConfig(num_clusters=1 << 10, block_length=2, min_size=1), "w", single, 2047
    )


@pytest.mark.parametrize("init", ["random", "kmeans++"])
@pytest.mark.parametrize("record", [rd.Lloyd, rd.Algorithm1])
def test_a_random_start_takes_the_seed(init, record):
    """As ``kmeans`` with the same key, 0 if not given; and within a budget."""
    method = record(init=init)
    for seed in (None, 3):
        config = rd.QuantizationConfig(num_clusters=4, method=method, seed=seed)
        found = rd.quantize_tree(W, config).quantized["w"]
        direct = rd.kmeans(W["w"].ravel(), 4, method=method, key=seed or 0)
        np.testing.assert_array_equal(found.codebook, direct.centers.astype(np.float32))
    budget = rd.QuantizationConfig(bits_per_weight=4, method=method, seed=3)
    assert rd.quantize_tree(W, budget).quantized["w"].num_clusters > 4


def test_a_random_start_among_cells(monkeypatch):
    """Cells of half precision are the distinct weights; those of single precision are not equally likely."""
    half = W["w"].astype(np.float16)
    for init in ("random", "kmeans++"):
        method = rd.Lloyd(init=init)
        found = rd.quantize_tree({"w": half}, rd.QuantizationConfig(num_clusters=4, method=method, seed=5))
        direct = rd.kmeans(half.astype(np.float64).ravel(), 4, method=method, key=5)
        np.testing.assert_array_equal(found.quantized["w"].codebook, direct.centers.astype(np.float16))
    monkeypatch.setattr("ratedist.tensors.tensor.LARGE", 1000)
    config = rd.QuantizationConfig(num_clusters=4, method=rd.Lloyd(init="kmeans++"))
    assert rd.quantize_tree(W, config).quantized["w"].num_clusters == 4
    with pytest.raises(
        ValueError, match=r"tensor 'w': init \"random\" is for tensors of at most 1,000 weights"
    ):
        rd.quantize_tree(W, rd.QuantizationConfig(num_clusters=4, method=rd.Lloyd(init="random")))


def test_a_start_at_given_centres_takes_no_seed():
    blocks = rd.QuantizationConfig(
        num_clusters=2, block_length=2, method=rd.Lloyd(init=[[0, 0], [1, 1]]), seed=1
    )
    with pytest.raises(ValueError, match="here nothing is random"):
        blocks.check()
    assert dataclasses.replace(blocks, seed=None).key is None
    assert rd.QuantizationConfig(block_length=2).key == 0


def test_every_field_has_its_text_in_the_documentation():
    """``help`` shows it, and so does the command, which takes it from there."""
    attributes = inspect.getdoc(QuantizationConfig).split("Attributes:\n")[1].split("\n\n")[0]
    described = re.findall(r"^    (\w+): \w", attributes, re.MULTILINE)
    assert described == [field.name for field in dataclasses.fields(QuantizationConfig)]
