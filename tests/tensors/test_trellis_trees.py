"""Trees along trellises: the file keeps to the budget, the price of a nat is one, K-means is beaten."""

import itertools
import warnings

import ml_dtypes
import numpy as np
import pytest

import ratedist as rd
from ratedist.container import RdzFile, TrellisTensor
from ratedist.tensors.trellis import at_price
from ratedist.tensors.trellis_curve import TrellisCurve

pytestmark = pytest.mark.usefixtures("some_limit")

RNG = np.random.default_rng(0)
# Of one number of weights in one lane: programs are compiled by their shape.
N = 1000
TREE = {
    "a": RNG.normal(size=(25, 40)).astype(np.float32),
    "b": (1e-20 * RNG.laplace(size=N)).astype(np.float32),
    "half": RNG.normal(size=N).astype(np.float16),
    "brain": (30 + RNG.normal(size=N)).astype(ml_dtypes.bfloat16),
    "double": 1e100 * RNG.normal(size=(2, 500)),
    "dead": np.zeros(N, np.float32),
    "constant": np.full((20, 50), 1 / 3),
    "bias": RNG.normal(size=7),
    "steps": np.arange(5),
}
RAW = 7 * 8 + 5 * 8


@pytest.fixture(params=["huffman", pytest.param("ans", marks=pytest.mark.slow)])
def coder(request):
    if request.param == "ans":
        pytest.importorskip("constriction")
    return request.param


def options(**given):
    return rd.QuantizationConfig(**{"trellis": 4, "min_size": 100} | given)


@pytest.mark.parametrize("bits", [pytest.param(2.5, marks=pytest.mark.slow), 4.0])
def test_no_file_is_larger_than_asked(tmp_path, coder, bits):
    tree = rd.quantize_tree(TREE, options(bits_per_weight=bits, coder=coder))
    size = tree.save(tmp_path / "tree.rdz")
    assert size == tree.file_bytes() == (tmp_path / "tree.rdz").stat().st_size
    assert bits - 0.25 < 8 * (size - RAW) / (7 * N) <= bits
    assert all(isinstance(one, TrellisTensor) for one in tree.quantized.values())
    loaded = rd.load_tree(tmp_path / "tree.rdz", TREE)
    for name, expected in tree.reconstruction().items():
        assert loaded[name].tobytes() == np.asarray(expected).tobytes()
        assert loaded[name].dtype == TREE[name].dtype
    for name in ("dead", "constant"):
        np.testing.assert_array_equal(loaded[name], TREE[name])
    noises = [tree.quantized[name].signal_to_noise for name in ("a", "b", "half")]
    assert max(noises) - min(noises) < 2  # whatever their scale
    assert tree.quantized["brain"].bulk_signal_to_noise > max(noises) - 3


def test_the_least_that_a_budget_can_be(tmp_path):
    """What a refusal names is met, and a little less is not: by constants."""
    some = {name: TREE[name] for name in ("a", "half", "dead")}
    with pytest.raises(ValueError, match="bits_per_weight must be at least") as refusal:
        rd.quantize_tree(some, options(bits_per_weight=0.05))
    least = float(str(refusal.value).split("at least ")[1].split()[0])
    with pytest.raises(ValueError, match="bits_per_weight must be at least"):
        rd.quantize_tree(some, options(bits_per_weight=0.999 * least))
    with pytest.warns(UserWarning, match="the budget leaves 2 tensors with an error above 50%"):
        tree = rd.quantize_tree(some, options(bits_per_weight=least))
    assert {one.num_clusters for one in tree.quantized.values()} == {1}
    assert 8 * tree.save(tmp_path / "tree.rdz") / (3 * N) <= least


def test_more_bits_than_are_of_use():
    """Few values are exact, and levels come to an end; what is left of the budget stays unspent."""
    w = RNG.normal(size=N).astype(np.float32)
    tree = rd.quantize_tree({"w": w, "three": np.sign(w) * (w > -1)}, options(bits_per_weight=40.0))
    assert tree.quantized["three"].distortion == 0
    assert tree.quantized["three"].num_clusters <= 2 * 3
    assert tree.quantized["w"].signal_to_noise > 55
    assert 8 * tree.file_bytes() / (2 * N) < 40


@pytest.fixture(scope="module")
def three_tensors():
    """Three tensors, their importances, and points of each by prices of a fine grid."""
    rng = np.random.default_rng(0)
    tree = {
        "a": rng.normal(size=(25, 40)).astype(np.float32).astype(float),
        "b": (1e-20 * rng.laplace(size=N)).astype(np.float32).astype(float),
        "half": rng.normal(size=N).astype(np.float16).astype(float),
    }
    tree = {name: x / np.std(x) for name, x in tree.items()}
    h = {name: np.full(x.shape, s) for (name, x), s in zip(tree.items(), (1.0, 5.0, 0.3), strict=True)}
    points = {}
    for name in tree:
        curve = TrellisCurve(name, lambda name: (tree[name], h[name]), options(bits_per_weight=1.0))
        for rate in np.arange(1.2, 5, 0.2):
            curve.at(np.log(2 * h[name].flat[0]) - 2 * np.log(2) * rate)
        points[name] = curve.points
    return tree, h, points


@pytest.mark.filterwarnings("ignore:the budget leaves")
@pytest.mark.parametrize("bits", [pytest.param(2.0, marks=pytest.mark.slow), 3.5])
def test_near_the_best_of_all_choices(three_tensors, bits):
    """All rates of three tensors by brute force: bytes of their data, and Σ h (w − ŵ)²."""
    tree, h, points = three_tensors
    config = options(bits_per_weight=bits)
    found = rd.quantize_tree(tree, config, importance=h)
    data = sum(one.stored("huffman").entry.num_bytes for one in found.quantized.values())
    loss = sum(one.distortion * one.num_weights for one in found.quantized.values())
    best = min(
        sum(one.loss for one in choice)
        for choice in itertools.product(*[list(one.values()) for one in points.values()])
        if sum(one.entry.num_bytes for one in choice) <= data
    )
    assert loss <= 1.02 * best
    assert 8 * found.file_bytes() / (3 * N) <= bits


def test_all_tensors_have_one_price(three_tensors):
    """Moving a tenth of a bit from one tensor to another gains nothing: slopes are equal."""
    tree, h, points = three_tensors
    found = rd.quantize_tree(tree, options(bits_per_weight=3.5), importance=h)
    slopes = []
    for name, one in found.quantized.items():
        size = one.stored("huffman").entry.num_bytes
        near = sorted((p.entry.num_bytes, p.loss) for p in points[name].values())
        around = [p for p in near if abs(p[0] - size) < 160]
        slopes.append(
            np.polyfit([p[0] for p in around], [np.log(p[1]) for p in around], 1)[0] * one.distortion
        )
    assert max(slopes) / min(slopes) == pytest.approx(1, abs=0.35)


@pytest.mark.parametrize("bits", [2.0, pytest.param(4.0, marks=pytest.mark.slow)])
def test_fewer_bytes_than_k_means_at_no_more_error(bits):
    """In one code, ANS, everything counted; in Huffman code as well, where labels lose the same."""
    pytest.importorskip("constriction")
    tree = {
        "a": RNG.normal(size=(32, 96)).astype(np.float32),
        "b": (0.02 * RNG.laplace(size=(96, 32))).astype(np.float32),
    }
    h = {name: np.full(x.shape, 1 / np.var(x)) for name, x in tree.items()}
    plain = rd.quantize_tree(tree, rd.QuantizationConfig(bits_per_weight=bits, coder="ans"), importance=h)
    most = plain.file_bytes()
    budget = 8 * 0.965 * most / 6144
    config = rd.QuantizationConfig(trellis=8, bits_per_weight=budget, coder="ans")
    found = rd.quantize_tree(tree, config, importance=h)
    assert found.file_bytes() <= 0.965 * most
    assert loss_of(found) <= loss_of(plain)


def loss_of(tree):
    return sum(one.distortion * one.num_weights for one in tree.quantized.values())


def test_an_error_for_each_tensor():
    """The promise by NumPy, with importances and without, in every dtype."""
    few = {name: x.ravel()[:250] for name, x in TREE.items()}
    h = {name: RNG.exponential(size=x.shape) for name, x in few.items()}
    for importance, names in ((None, ("brain",)), (h, ("a",))):
        config = options(mean_squared_error=0.02, include=names)
        tree = rd.quantize_tree(few, config, importance=importance)
        for name in names:
            error = (few[name].astype(float) - tree.quantized[name].reconstruction().astype(float)) ** 2
            weights = None if importance is None else h[name].ravel()
            assert 0.015 < np.average(error.ravel(), weights=weights) <= 0.02
    tiny = rd.tensors.compress_tensor(1e-200 * RNG.normal(size=250), options(mean_squared_error=1e-3))
    assert tiny.num_clusters == 1
    narrow = options(mean_squared_error=0.01, codebook_dtype="bfloat16")
    with pytest.raises(ValueError, match=r"'w': mean_squared_error 0\.01 was not met with levels of bf"):
        rd.quantize_tree({"w": 100 + few["a"]}, narrow)


@pytest.mark.slow
def test_an_error_that_needs_too_many_levels():
    with pytest.raises(ValueError, match="'a': mean_squared_error 1e-12 needs more levels"):
        rd.quantize_tree({"a": RNG.normal(size=9000)}, options(mean_squared_error=1e-12, include=("a",)))


@pytest.mark.parametrize("scale", [1e-300, pytest.param(1e-140, marks=pytest.mark.slow), 1e139])
def test_extreme_scales(scale):
    w = scale * RNG.normal(size=2000)
    found = rd.tensors.compress_tensor(w, options(bits_per_weight=4))
    error = np.mean(((w - found.reconstruction()) / scale) ** 2)
    assert 2.0**-8 < error < 0.025  # levels of double precision take most of a bit here
    assert 8 * found.stored("huffman").entry.num_bytes / 2000 <= 4


@pytest.mark.parametrize("place", [slice(0, 800), pytest.param(slice(7, 8), marks=pytest.mark.slow)])
def test_masks_and_outliers(place):
    """Most weights are not lost behind a mask constant or an outlier."""
    w = (0.02 * RNG.normal(size=2000)).astype(np.float32)
    masked = w.copy()
    masked[place] = -1e9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = rd.quantize_tree({"w": masked, "plain": w}, options(bits_per_weight=4))
    found = tree.quantized["w"]
    assert found.bulk_signal_to_noise > 10
    np.testing.assert_allclose(found.reconstruction()[place], -1e9)


@pytest.mark.parametrize("shape", [(), (1,), pytest.param((2,), marks=pytest.mark.slow), (3, 1)])
def test_few_weights(shape, tmp_path):
    w = {"w": np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)}
    tree = rd.quantize_tree(w, options(mean_squared_error=1e-9, min_size=1))
    np.testing.assert_allclose(tree.reconstruction()["w"], w["w"], atol=1e-4)
    tree.save(tmp_path / "tree.rdz")
    with RdzFile(tmp_path / "tree.rdz") as file:
        assert file.read("w").shape == shape


def test_leaves_that_are_left():
    tree = {
        "w": RNG.normal(size=2000),
        "nan": np.full(2000, np.nan),
        "none": np.zeros((0,)),
        "few": np.ones(3),
    }
    with pytest.warns(UserWarning, match="'nan' are not finite"):
        found = rd.quantize_tree(tree, options(bits_per_weight=4))
    assert list(found.quantized) == ["w"]


def test_a_constant_for_an_infinite_price():
    h = np.arange(float(N))
    found = at_price(TREE["a"], h, options(bits_per_weight=1.0), np.inf)
    mean = np.average(TREE["a"].astype(float).ravel(), weights=h)
    np.testing.assert_allclose(found.tensor.levels, [mean], rtol=1e-6)
    loss = np.sum(h * (TREE["a"].astype(float).ravel() - mean) ** 2)
    assert np.exp(found.log_loss) == pytest.approx(loss, rel=1e-6)


def test_the_type_of_the_levels(tmp_path):
    """What is asked for is taken; else a tensor of 16 bits has its own, and others have what costs least."""
    weights = TREE["a"]
    for dtype in ("float32", "float16", "bfloat16"):
        tree = rd.quantize_tree({"w": weights}, options(bits_per_weight=4, codebook_dtype=dtype))
        assert tree.quantized["w"].levels.dtype.name == dtype
    own = rd.quantize_tree(TREE, options(bits_per_weight=4)).quantized
    assert {name: own[name].levels.dtype.name for name in ("half", "brain", "a", "b", "double")} == {
        "half": "float16",
        "brain": "bfloat16",
        "a": "float16",
        "b": "bfloat16",  # half precision does not reach down to 1e-20
        "double": "float64",
    }
    with pytest.raises(ValueError, match="too small for a codebook of float16"):
        rd.quantize_tree({"w": TREE["b"]}, options(bits_per_weight=4, codebook_dtype="float16"))


@pytest.mark.filterwarnings("ignore:the budget leaves")
@pytest.mark.parametrize(("bits", "used"), [(3.0, [1, 0]), pytest.param(9.0, [1, 1], marks=pytest.mark.slow)])
def test_forty_decades_between_tensors(bits, used):
    """With importances all bits go where the errors are: to the largest, then to the next."""
    tree = {f"w{place}": 10.0 ** (10 * place - 20) * RNG.normal(size=N) for place in range(5)}
    ones = {name: np.ones(N) for name in tree}
    found = rd.quantize_tree(tree, options(bits_per_weight=bits), importance=ones)
    large = [found.quantized[name].num_clusters > 100 for name in ("w4", "w3")]
    assert large == [bool(one) for one in used]
    assert [found.quantized[f"w{place}"].num_clusters for place in range(3)] == [1, 1, 1]
    assert bits - 0.05 < 8 * found.file_bytes() / (5 * N) <= bits
