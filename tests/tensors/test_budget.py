"""Budgets: the file on disk is never larger than asked, no layer becomes a constant."""

import dataclasses
import itertools
import warnings

import ml_dtypes
import numpy as np
import pytest

import ratedist as rd
from ratedist.container import Entry, encode_header, write_tensor_file
from ratedist.container.dtypes import dtype_name, to_bytes
from ratedist.tensors import budget, budget_curve
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.model_file import quantize_file
from ratedist.tensors.tensor import quantize_tensor

pytestmark = pytest.mark.usefixtures("some_limit")


def write_model(path, tensors, metadata=None):
    entries = {name: Entry(dtype_name(x.dtype), x.shape) for name, x in tensors.items()}
    write_tensor_file(path, entries, encode_header(entries, metadata), lambda name: [to_bytes(tensors[name])])


def spent(tree, path, coder="huffman"):
    """Bits in the file for each weight of a quantised leaf, beside the data of the others."""
    raw = sum(np.asarray(leaf).nbytes for leaf in tree.others.values())
    return 8 * (tree.save(path, coder) - raw) / sum(t.num_weights for t in tree.quantized.values())


def trees():
    rng = np.random.default_rng(0)
    return {
        "one tiny": {"w": rng.normal(size=(4, 3)).astype(np.float32)},
        "one weight": {"w": np.ones(1), "v": rng.normal(size=600)},
        "scales": {"a": rng.normal(size=1500), "b": 0.02 * rng.normal(size=1500)},
        "mixed": {
            "half": rng.normal(size=(25, 60)).astype(np.float16),
            "brain": rng.standard_t(3, (35, 40)).astype(ml_dtypes.bfloat16),
            "zeros": np.zeros(2000, np.float32),
            "bias": rng.normal(size=40),
            "steps": np.arange(5),
        },
        "names of any length": {f"layer {'x' * 20 * i}": rng.normal(size=300) for i in range(6)},
    }


def least_feasible(call):
    """What a refusal names as the least budget, and that it is one."""
    with pytest.raises(ValueError, match="bits_per_weight must be at least") as refusal:
        call(1e-3)
    least = float(str(refusal.value).split("at least ")[1].split()[0])
    with pytest.raises(ValueError, match="bits_per_weight must be at least"):
        call(least * 0.999)
    return least


@pytest.fixture
def each_once(monkeypatch):
    """A tensor is quantised once with so many clusters, however often a budget asks."""
    kept = {}

    def remembered(tensor, config, num_clusters, importance):
        key = str(tensor.dtype), tensor.shape, tensor.tobytes(), num_clusters
        if key not in kept:
            kept[key] = quantize_tensor(tensor, config, num_clusters=num_clusters, importance=importance)
        return kept[key]

    monkeypatch.setattr(budget_curve, "compress_tensor", remembered)


@pytest.mark.parametrize(
    ("block_length", "name"),
    [*((1, name) for name in trees()), (2, "one weight"), pytest.param(2, "mixed", marks=pytest.mark.slow)],
)
@pytest.mark.usefixtures("each_once")
def test_no_file_is_larger_than_asked(tmp_path, name, block_length):
    tree = trees()[name]
    options = {"min_size": 1 if "one" in name else 100, "block_length": block_length}

    def quantized(bits):
        return rd.quantize_tree(tree, rd.QuantizationConfig(bits_per_weight=bits, **options))

    least = least_feasible(quantized)
    losses = []
    for bits in (least, least * 1.01, least + 0.7, least * 2, 1e300):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large errors: what can be had for so few bits
            found = quantized(bits)
        assert spent(found, tmp_path / "tree.rdz") <= bits
        for leaf, tensor in found.quantized.items():
            constant = np.ptp(np.asarray(tree[leaf], float)) == 0
            assert constant or len(np.unique(tensor.reconstruction().astype(float))) > 1
        losses.append(sum(10 ** (-t.signal_to_noise / 10) for t in found.quantized.values()))
    assert losses[-1] <= min(losses)
    assert max(t.num_clusters for t in quantized(1e9).quantized.values()) <= 256


@pytest.mark.parametrize(
    ("coder", "weighted"),
    [
        ("ans", True),
        pytest.param("huffman", False, marks=pytest.mark.slow),
        pytest.param("huffman", True, marks=pytest.mark.slow),
        pytest.param("ans", False, marks=pytest.mark.slow),
    ],
)
@pytest.mark.usefixtures("each_once")
def test_files_of_models(tmp_path, coder, weighted):
    if coder == "ans":
        pytest.importorskip("constriction")
    rng = np.random.default_rng(1)
    tensors = {
        "a": rng.normal(size=3000).astype(np.float32),
        "b": rng.standard_t(4, (40, 50)).astype(np.float16),
        "scale": np.ones(7, np.float32),
    }
    write_model(tmp_path / "model", tensors, {"format": "pt", "long": "x" * 300})
    write_model(tmp_path / "h", {name: rng.exponential(size=x.shape) for name, x in tensors.items()})
    h = tmp_path / "h" if weighted else None

    def quantized(bits):
        config = QuantizationConfig(bits_per_weight=bits, coder=coder, min_size=10)
        return quantize_file(tmp_path / "model", tmp_path / "out.rdz", config, importance=h)

    least = least_feasible(quantized)
    for bits in (least, 5.0, 16.0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large errors: what can be had for so few bits
            report = quantized(bits)
        size = (tmp_path / "out.rdz").stat().st_size
        assert size == report.num_bytes <= report.max_bytes
        assert 8 * (size - 28) / 5000 <= bits
        if 4 <= bits < 8:  # neither end: what is asked is used
            assert size >= 0.97 * report.max_bytes
    assert set(report.at_most) == {"a", "b"}


def test_a_tensor_is_a_constant_only_if_asked(tmp_path):
    tree = {"a": np.random.default_rng(0).normal(size=20_000), "b": np.full(2000, 0.25)}
    with pytest.raises(ValueError, match="bits_per_weight must be at least"):
        rd.quantize_tree(tree, rd.QuantizationConfig(bits_per_weight=0.5))
    with pytest.warns(UserWarning, match="1 tensor with an error above 50% of the energy .* most: a"):
        found = rd.quantize_tree(tree, rd.QuantizationConfig(bits_per_weight=0.5, min_clusters=1))
    assert {name: t.num_clusters for name, t in found.quantized.items()} == {"a": 1, "b": 1}
    assert spent(found, tmp_path / "tree.rdz") <= 0.5
    for blocks in (9, 12):  # no candidate lies between
        few = {"w": np.arange(blocks, dtype=np.float32)}
        exact = rd.quantize_tree(few, rd.QuantizationConfig(bits_per_weight=1e3, min_clusters=9, min_size=1))
        assert exact.quantized["w"].num_clusters >= 9
    several = rd.quantize_tree(tree, rd.QuantizationConfig(bits_per_weight=6, min_clusters=23))
    assert several.quantized["a"].num_clusters >= 23
    assert several.quantized["b"].signal_to_noise == np.inf


def test_scale_is_no_importance():
    """Without importances a tensor and the same tensor times 0.02 count alike; with them they do not."""
    w = np.random.default_rng(0).normal(size=(2, 4000))
    tree = {"a": w[0], "b": 0.02 * w[1]}
    plain = rd.quantize_tree(tree, rd.QuantizationConfig(bits_per_weight=3)).quantized
    assert abs(plain["a"].signal_to_noise - plain["b"].signal_to_noise) < 3
    assert plain["b"].num_clusters >= 4
    ones = {name: np.ones(4000) for name in tree}
    weighted = rd.quantize_tree(tree, rd.QuantizationConfig(bits_per_weight=3), importance=ones).quantized
    assert weighted["a"].num_clusters > weighted["b"].num_clusters >= 2
    assert min(t.signal_to_noise for t in weighted.values()) > 10 * np.log10(2)  # half the energy


def test_no_tensor_gets_fewer_clusters_than_all_could_have(tmp_path):
    rng = np.random.default_rng(2)
    tree = {f"w{i}": rng.standard_t(3, 200 * 5 ** (i // 2)) * 10.0**-i for i in range(5)}
    for K in (2, 7, 16):
        bits = spent(rd.quantize_tree(tree, K), tmp_path / "equal.rdz")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = rd.quantize_tree(tree, rd.QuantizationConfig(bits_per_weight=bits))
        assert spent(found, tmp_path / "tree.rdz") <= bits
        assert min(tensor.num_clusters for tensor in found.quantized.values()) >= K


@pytest.fixture(scope="module")
def three_tensors(tmp_path_factory):
    """Three tensors, their importances, and for each choice of K the bits of its file and its loss."""
    rng = np.random.default_rng(3)
    tree = {name: rng.normal(size=d) for name, d in (("a", 4000), ("b", 6000), ("c", 9000))}
    h = {name: np.full(x.shape, s) for (name, x), s in zip(tree.items(), (1.0, 5.0, 0.3), strict=True)}
    each = {
        name: [
            quantize_tensor(x, QuantizationConfig(), num_clusters=K, importance=h[name])
            for K in (2, 4, 8, 16)
        ]
        for name, x in tree.items()
    }
    choices = []
    for choice in itertools.product(*each.values()):
        whole = rd.QuantizedTree(dict(zip(tree, choice, strict=True)), {}, tuple(tree), None)
        bits = 8 * whole.file_bytes() / 19_000
        choices.append((bits, sum(t.distortion * t.num_weights for t in choice)))
    assert whole.save(tmp_path_factory.mktemp("choices") / "tree.rdz") == whole.file_bytes()
    return tree, h, choices


@pytest.mark.parametrize("bits", [1.3, 2.2, 3.7])
def test_near_the_best_of_all_choices(three_tensors, monkeypatch, bits):
    """All candidates for three tensors, by brute force on the sizes of their files."""
    for module in (budget, budget_curve):
        monkeypatch.setattr(module, "CANDIDATES", (1, 2, 4, 8, 16))
    tree, h, choices = three_tensors
    best = min(loss for size, loss in choices if size <= bits)
    found = rd.quantize_tree(tree, rd.QuantizationConfig(bits_per_weight=bits), importance=h).quantized
    loss = sum(t.distortion * t.num_weights for t in found.values())
    assert best <= loss * (1 + 1e-12)
    assert loss <= best * 1.02


def test_few_numbers_of_clusters_are_tried(monkeypatch):
    """Blocks are slow: only what is near the choice is worth trying."""
    tried = []

    def counted(tensor, config, num_clusters, importance):
        tried.append(num_clusters)
        return quantize_tensor(tensor, config, num_clusters=num_clusters, importance=importance)

    monkeypatch.setattr(budget_curve, "compress_tensor", counted)
    w = np.random.default_rng(0).normal(size=6000)
    rd.quantize_tree({"w": w}, rd.QuantizationConfig(bits_per_weight=2, block_length=2))
    assert len(tried) <= 8
    assert max(tried) <= 45


def test_ceilings_and_floors_in_words():
    heavy = np.random.default_rng(0).standard_t(3, 40_000)
    with pytest.warns(
        UserWarning, match=r"the budget leaves 1 tensor with an error above 50% .*: w \(\d+%\)"
    ):
        rd.quantize_tree({"w": heavy}, rd.QuantizationConfig(bits_per_weight=1.1))
    with pytest.raises(ValueError, match=r"with the fewest clusters their 40,000 weights take [\d,]+ bytes"):
        rd.quantize_tree({"w": heavy}, rd.QuantizationConfig(bits_per_weight=0.001))
    with pytest.raises(ValueError, match="num_clusters must not be given beside bits_per_weight"):
        rd.quantize_tree({"w": heavy}, rd.QuantizationConfig(num_clusters=16, bits_per_weight=3))


def test_no_room_is_told_from_other_complaints(monkeypatch):
    """That nothing fits is seen before; whatever else ``allocate`` says is no reason to take the fewest."""
    w = np.random.default_rng(0).normal(size=20_000)
    losses = iter([np.nan])
    point_of = budget_curve.Point.of.__func__

    def spoiled(cls, tensor, coder):
        point = point_of(cls, tensor, coder)
        return dataclasses.replace(point, loss=next(losses, point.loss))

    monkeypatch.setattr(budget_curve.Point, "of", classmethod(spoiled))
    with pytest.raises(ValueError, match="distortions of group 0 must be finite"):
        rd.quantize_tree(
            {"w": w}, rd.QuantizationConfig(bits_per_weight=3), importance={"w": np.ones(20_000)}
        )


@pytest.mark.parametrize("accurate", ["ab", ""])
def test_nothing_is_chosen_where_there_is_no_room(accurate, monkeypatch):
    """Around the least that the files of all choices take, by brute force."""
    rng = np.random.default_rng(0)
    tree = {"a": rng.normal(size=3000), "b": rng.standard_t(3, 2000)}
    config = QuantizationConfig(bits_per_weight=3)
    curves = {name: budget_curve.Curve(name, lambda name: (tree[name], None), config) for name in tree}
    for curve in curves.values():
        for K in (2, 3, 4):
            curve.nearest(K)

    def size(choice):
        return 1000 + sum(curves[name].points[K].entry.num_bytes for name, K in choice.items())

    floor = {"a": 3, "b": 3}
    sizes = [size(dict(zip(tree, pair, strict=True))) for pair in itertools.product((3, 4), repeat=2)]
    assert budget._choose(curves, size, min(sizes) - 1, floor, accurate) is None
    assert budget._choose(curves, size, 0, floor, accurate) is None
    assert budget._choose(curves, size, min(sizes), floor, accurate) == {"a": 3, "b": 3}
    assert budget._choose(curves, size, max(sizes), floor, accurate) == {"a": 4, "b": 4}


def test_weights_that_nothing_depends_on():
    """Importance on weights that are zero alone: there is no energy to compare the error with."""
    w, h = np.zeros(3000), np.zeros(3000)
    w[:1500] = np.random.default_rng(0).normal(size=1500)
    h[1500:] = 1.0
    found = rd.quantize_tree({"w": w}, rd.QuantizationConfig(bits_per_weight=4), importance={"w": h})
    assert found.quantized["w"].distortion == 0


@pytest.mark.parametrize("values", [2, 3, 4, 7])
@pytest.mark.parametrize("floor", [None, 3])
def test_tensors_of_few_values_lose_nothing_where_there_is_room(values, floor):
    """The clusters that suffice may be met while more of them are still to be tried."""
    w = np.random.default_rng(0).permutation(np.arange(1500) % values).astype(np.float32)
    tree = rd.quantize_tree(
        {"w": w},
        rd.QuantizationConfig(bits_per_weight=8, min_clusters=floor),
        importance={"w": np.ones(1500)},
    )
    assert tree.quantized["w"].num_clusters == values
    assert tree.quantized["w"].distortion == 0
