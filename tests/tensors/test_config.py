"""One record of options: its shorthand, and that everything takes it."""

import subprocess
import sys

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
    for wrong in (True, 2.5, "16", 0, [4]):
        with pytest.raises(ValueError, match="num_clusters must be"):
            QuantizationConfig.of(wrong)
    with pytest.raises(ValueError, match="seed is for block_length above 1"):
        QuantizationConfig.of(QuantizationConfig(seed=3))


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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr
