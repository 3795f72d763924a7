"""Masks and outliers that hide lost weights are told of, and a budget spends bits on what they hide."""

import json
import pathlib
import warnings

import numpy as np
import pytest

import ratedist as rd
from ratedist.cli import main
from ratedist.container import Entry, encode_header, write_tensor_file
from ratedist.container.dtypes import dtype_name, to_bytes
from ratedist.tensors import budget, budget_curve
from ratedist.tensors.bulk_warning import is_hidden
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.report import Outcome
from ratedist.tensors.tensor import quantize_tensor

pytestmark = pytest.mark.usefixtures("some_limit")

HIDDEN = "far outliers or mask values hide that most weights are lost in"


def masked(size=3000, share=0.4, value=-1e9, seed=0):
    rng = np.random.default_rng(seed)
    w = rng.normal(0, 0.02, size)
    w[rng.permutation(size)[: int(share * size)]] = value
    return w.astype(np.float32)


def plain(size=20_000, seed=1):
    return np.random.default_rng(seed).normal(0, 0.02, size).astype(np.float32)


def real_values(tensor, w, value=-1e9):
    """How many values the weights have that are no masks."""
    return len(np.unique(tensor.reconstruction()[w != np.float32(value)]))


@pytest.mark.parametrize("K", [1, 2, 3, 16])
def test_a_tree_is_warned_of_where_all_real_weights_become_one_value(K):
    tree = {"mask": masked(), "plain": plain(3000)}
    if K == 2:
        with pytest.warns(UserWarning, match=HIDDEN) as told:
            found = rd.quantize_tree(tree, K)
        assert [str(w.message) for w in told] == [
            f"{HIDDEN} 'mask' (0.0 dB, with them 212.4 dB); take more clusters, or leave such tensors as "
            "they are: exclude=('mask',)"
        ]
        assert told[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            rd.quantize_tree(tree, rd.QuantizationConfig(num_clusters=K, exclude=("mask",)))
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = rd.quantize_tree(tree, K)
    assert (real_values(found.quantized["mask"], tree["mask"]) == 1) == (K <= 2)


ORDINARY = {
    "normal": plain(3000),
    "gains": 1 + plain(3000),
    "laplace": np.random.default_rng(0).laplace(size=3000),
    "zeros": masked(value=0.0),
    "one value": masked(share=1),
}


@pytest.mark.parametrize("w", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_tensors_are_not_warned_of(w):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for K in (1, 2, 3):
            rd.quantize_tree({"w": w}, K)


def test_both_conditions_are_needed():
    def outcome(of_all, of_bulk):
        return Outcome("w", "F32", (9,), signal_to_noise=of_all, bulk_signal_to_noise=of_bulk)

    inf = np.inf
    told = [(4.0, 0.9), (200.0, 0.0), (3.0, 0.0), (1.0, -3.0), (200.0, -inf)]
    silent = [(4.0, 1.1), (3.8, 0.9), (200.0, 1.0), (0.0, 0.0), (inf, inf), (200.0, np.nan), (None, None)]
    assert all(is_hidden(outcome(*pair)) for pair in told)
    assert not any(is_hidden(outcome(*pair)) for pair in silent)


@pytest.mark.parametrize(
    ("weighted", "block_length", "bits", "sizes"),
    [
        (False, 1, 1.25, (3000, 20_000)),
        pytest.param(True, 1, 1.25, (3000, 20_000), marks=pytest.mark.slow),
        pytest.param(False, 2, 1.65, (2000, 8000), marks=pytest.mark.slow),
    ],
)
def test_a_budget_gives_real_weights_more_than_one_value(tmp_path, weighted, block_length, bits, sizes):
    tree = {"mask": masked(sizes[0]), "plain": plain(sizes[1])}
    h = {name: np.ones(w.shape) for name, w in tree.items()} if weighted else None
    config = rd.QuantizationConfig(bits_per_weight=bits, block_length=block_length)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = rd.quantize_tree(tree, config, importance=h)
    assert 8 * found.save(tmp_path / "tree.rdz") <= bits * (sizes[0] + sizes[1])
    for tensor in found.quantized.values():
        assert tensor.bulk_error <= 0.5
    assert real_values(found.quantized["mask"], tree["mask"]) > 1


@pytest.mark.parametrize("options", [{}, {"diameter_penalty": 0.01, "relative_penalty": True}])
def test_a_budget_that_cannot_warns(options):
    tree = {"mask": masked(8000), "plain": plain(4000)}
    bits = 3 if options else 1.3
    with pytest.warns(UserWarning, match=f"{HIDDEN} 'mask' .*; give more bits, or leave") as told:
        rd.quantize_tree(tree, rd.QuantizationConfig(bits_per_weight=bits, **options))
    assert len(told) == 1


@pytest.mark.parametrize("partly", [True, False])
def test_a_tensor_that_cannot_be_saved_takes_nothing_from_others(monkeypatch, partly):
    """One that needs a hundred clusters, beside one that needs three."""
    rng = np.random.default_rng(2)
    values = rng.choice(np.append(10.0 ** np.arange(-8.0, 33), 0), 4000)  # a cluster each
    tree = {"values": np.where(rng.random(4000) < 0.7, rng.normal(0, 1e-12, 4000), values)}
    tree["heavy"] = rng.standard_t(3, 4000)
    ones = {name: np.ones(4000) for name in tree}
    if not partly:
        monkeypatch.setattr(budget, "_affordable", lambda *_: ())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = rd.quantize_tree(tree, rd.QuantizationConfig(bits_per_weight=1.8), importance=ones)
    assert (found.quantized["heavy"].signal_to_noise >= 10 * np.log10(2)) == partly
    assert found.quantized["values"].bulk_error > 0.5


def test_few_numbers_of_clusters_are_tried_where_none_is_enough(monkeypatch):
    tried = []

    def counted(tensor, config, num_clusters, importance):
        tried.append(num_clusters)
        return quantize_tensor(tensor, config, num_clusters=num_clusters, importance=importance)

    monkeypatch.setattr(budget_curve, "compress_tensor", counted)
    config = QuantizationConfig(bits_per_weight=3, diameter_penalty=0.01, relative_penalty=True)
    budget_curve.Curve("w", lambda _: (masked(), None), config)  # a penalty that draws masks to the rest
    assert tried == [2, 3, 4, 5, 6, 7, 8, 16, 32, 64, 128, 256]
    # And where many are: the fewest of all.
    tried.clear()
    levels = np.repeat(2.0 ** np.arange(0, 60, 5), 300)
    curve = budget_curve.Curve("w", lambda _: (levels, None), QuantizationConfig(bits_per_weight=3))
    fewest = min(K for K, point in curve.points.items() if point.accurate)
    for K in budget_curve.CANDIDATES[1:]:
        error = quantize_tensor(levels, QuantizationConfig(), num_clusters=K).bulk_error
        assert (error <= 0.5) == (fewest <= K)


def test_the_command_tells_and_the_file_keeps_it(tmp_path, capsys):
    tensors = {"mask": masked(), "plain": plain(3000)}
    entries = {name: Entry(dtype_name(x.dtype), x.shape) for name, x in tensors.items()}
    write_tensor_file(
        tmp_path / "model", entries, encode_header(entries), lambda name: [to_bytes(tensors[name])]
    )
    for options, lost in ((["-k", "2"], True), (["-k", "3"], False), (["--bits-per-weight", "1.65"], True)):
        out = tmp_path / "out.rdz"
        assert main(["quantize", str(tmp_path / "model"), "-o", str(out), *options]) == 0
        said = capsys.readouterr()
        more = "take more clusters (-k)" if "-k" in options else "give more bits (--bits-per-weight)"
        told = (
            f"warning: {HIDDEN} 'mask' (0.0 dB, with them 212.4 dB); {more}, or leave such tensors as they "
        )
        assert said.err == (f"{told}are: --exclude 'mask'\n" if lost else "")
        lines = {line.split()[0]: line.split() for line in said.out.splitlines() if line}
        assert lines["tensor"][-4:] == ["SNR", "[dB]", "bulk", "[dB]"]
        assert main(["quantize", str(tmp_path / "model"), "--dry-run", *options]) == 0
        dry = capsys.readouterr()
        assert dry.err == said.err
        assert dry.out.splitlines()[:5] == said.out.splitlines()[:5]
        assert main(["inspect", str(out), "--json"]) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["tensors"]}
        assert main(["inspect", str(out)]) == 0
        text = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
        for name, w in tensors.items():
            K = int(lines[name][3])
            expected = quantize_tensor(w, QuantizationConfig(), num_clusters=K).bulk_signal_to_noise
            assert rows[name]["bulk_signal_to_noise"] == expected
            assert lines[name][-1] == text[name][-3] == f"{expected:z.2f}"


def test_names_of_other_formats_are_refused(tmp_path):
    tree = rd.quantize_tree({"w": plain(2000)}, 4)
    for name in ("w.safetensors", "w.PT", "w.npz", "w.gguf"):
        with pytest.raises(ValueError, match=r"is a \.rdz file: take .*w\.rdz in place of .*w\."):
            tree.save(tmp_path / name)
    for name in ("w.rdz", "w", "llama.v2"):
        tree.save(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["llama.v2", "w", "w.rdz"]


def weights_of_the_documents():
    """The rows of the table in docs/files.md: 20,000 weights each, and a number of clusters."""
    rng = np.random.default_rng(0)
    normal, laplace = rng.normal(size=20_000), rng.laplace(size=20_000)
    mask = np.where(rng.random(20_000) < 0.4, -1e9, 0.02 * normal)
    decades = np.sign(rng.normal(size=20_000)) * 10 ** rng.uniform(-20, 20, 20_000)
    return [
        ("normal", normal, 2),
        ("Laplace", laplace, 2),
        ("normal, 90% of them set to zero", np.where(rng.random(20_000) < 0.9, 0.0, normal), 3),
        (r"normal, $\sigma = 0.02$, 40% of them $-10^9$", mask, 2),
        ("the same", mask, 3),
        ("of random sign, sizes spread over forty decades", decades, 16),
    ]


def test_the_table_of_the_documents():
    text = (pathlib.Path(__file__).parents[2] / "docs" / "files.md").read_text()
    for name, w, K in weights_of_the_documents():
        found = quantize_tensor(w, QuantizationConfig(), num_clusters=K)
        decibels = (found.signal_to_noise, found.bulk_signal_to_noise)
        numbers = (f"{one:z.1f} ".replace("-", "−") for one in decibels)
        assert "| ".join((f"| {name} ", f"{K} ", *numbers)) in text
