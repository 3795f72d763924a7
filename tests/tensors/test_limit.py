"""The distance to the limit: hostile weights, every kind of tensor, every byte of a file."""

import dataclasses
import math
import pathlib

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

import ratedist as rd
from ratedist.cli.commands import main
from ratedist.container import QuantizedTensor, RdzFile, RdzWriter
from ratedist.tensors.limit import Totals, limit_of, with_limit
from ratedist.tensors.tensor import measured

GENERATOR = np.random.default_rng(0)
NORMAL = GENERATOR.normal(size=20_000)


def lower(weights: np.ndarray, distortion: float, importance: np.ndarray | None = None) -> float:
    """Bits a weight."""
    found = limit_of(weights, distortion, importance)
    assert found is not None
    return found.lower / math.log(2)


def test_without_an_error_it_is_the_entropy_of_the_values() -> None:
    assert lower(np.array([1.0, 1.0, 2.0, 3.0]), 0.0) == pytest.approx(1.5)
    assert lower(np.array([1.0, 1.0, 2.0, 3.0]), 0.0, np.array([1.0, 1.0, 1.0, 0.0])) == pytest.approx(
        0.75 * (math.log2(3) - 2 / 3)
    )
    # Next to none it is next to that, and never above.
    assert 1.5 - 1e-2 < lower(np.repeat([1.0, 1.0, 2.0, 3.0], 50), 1e-9) <= 1.5


@pytest.mark.parametrize("weights", [np.zeros(5), np.full(3, -7.0), np.array([2.0], np.float16)])
@pytest.mark.parametrize("distortion", [0.0, 1e-300, 0.1, 1e30])
def test_one_value_needs_nothing(weights: np.ndarray, distortion: float) -> None:
    assert lower(weights, distortion) == 0


@pytest.mark.parametrize("factor", [1.0, 2.0, 1e10])
def test_from_the_variance_on_nothing_is_needed(factor: float) -> None:
    assert lower(NORMAL, factor * NORMAL.var()) == 0
    assert lower(NORMAL, factor * NORMAL.var() * 3.0, np.full(NORMAL.size, 3.0)) == 0


def test_one_far_outlier_costs_its_place_and_nothing_more() -> None:
    """Which one it is: (ln N + 1)/N nats at most."""
    spoilt = NORMAL.copy()
    spoilt[7] = -1e9
    more = lower(spoilt, 1 / 16) - lower(NORMAL, 1 / 16)
    assert abs(more) < 2 * (math.log2(NORMAL.size) + 2) / NORMAL.size + 2e-3


def test_forty_decades_are_bounded_by_what_a_quantiser_takes() -> None:
    weights = 10.0 ** GENERATOR.uniform(-20, 20, size=20_000)
    for K in (2, 30):
        found = rd.quantizers.kmeans(weights, K)
        p = np.bincount(found.labels) / weights.size
        entropy = -float(p @ np.log2(p))
        distortion = float(np.mean((weights - found.reconstruction) ** 2))
        assert 0.2 * entropy < lower(weights, distortion) <= entropy


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ml_dtypes.bfloat16])
def test_types_are_those_of_their_values(dtype: type) -> None:
    weights = NORMAL.astype(dtype)
    assert lower(weights, 0.03) == pytest.approx(lower(weights.astype(np.float64), 0.03), abs=1e-12)
    subnormal = (NORMAL * 1e-6).astype(np.float16)
    with np.errstate(all="raise", under="ignore"):
        assert lower(subnormal, 1e-14) > 0


@pytest.mark.parametrize("scale", [1e-140, 1e-30, 1e30, 1e140])
def test_units_do_not_matter(scale: float) -> None:
    assert lower(scale * NORMAL, scale**2 / 16) == pytest.approx(lower(NORMAL, 1 / 16), abs=1e-3)


@pytest.mark.parametrize("distortion", [1e5, 0.1, 1e-30])
def test_a_far_pair_and_any_error(distortion: float) -> None:
    """However small the error, the limit is at most the entropy."""
    weights = np.concatenate([NORMAL[:400], 5e5 + 1e-2 * NORMAL[:2]])
    assert 0 <= lower(weights, distortion) <= math.log2(weights.size)
    assert lower(weights, distortion, np.full(weights.size, 1e-12)) >= 0


def test_a_mask_of_the_lowest_float_hides_nothing() -> None:
    weights = np.where(np.arange(NORMAL.size) % 4 == 0, np.finfo(np.float32).min, NORMAL).astype(np.float32)
    rest = NORMAL[np.arange(NORMAL.size) % 4 > 0]
    assert lower(weights, 0.75 / 16) == pytest.approx(0.75 * lower(rest, 1 / 16), abs=1e-3)


@pytest.mark.parametrize("error", [1e-21, 1e-24, 1e-26, 1e-30, 1e-60, 1e-200])
def test_weights_near_zero_do_not_hide_the_others(error: float) -> None:
    """Far below what tells weights apart the limit is their entropy, and never that of a few at zero."""
    for weights, bits in ((np.array([0.0, 1.0]), 1.0), (np.array([0.0, 1e-13, 1.0, 2.0]), 1.5)):
        assert bits - 5e-3 < lower(weights, error) <= 2
        assert bits - 5e-3 < lower(weights, 2 * error, np.full(weights.size, 2.0)) <= 2


def test_the_ends_of_float64() -> None:
    assert lower(np.array([-1e149, 1e149, 0.0]), 1e290) <= math.log2(3)
    assert limit_of(np.array([0.0, 1e-300]), 1e-320) is None
    assert lower(np.array([1.0, 2.0]), 5e-324) <= 1
    assert 1.4 < lower(np.array([0.0, 1e149, -1e149]), 5e-324) <= math.log2(3)
    assert lower(np.array([0.0, 1e149, -1e149]), 5e-324, np.full(3, 1e140)) <= math.log2(3)


@pytest.mark.parametrize(
    "importance",
    [10.0 ** GENERATOR.uniform(-20, 20, 200), np.eye(1, 200)[0], GENERATOR.choice([0.0, 1e-30, 1e30], 200)],
    ids=["forty decades", "one alone", "few and far apart"],
)
@pytest.mark.parametrize(
    "weights",
    [NORMAL[:200], np.where(NORMAL[:200] < -1, -1e9, NORMAL[:200]), 10.0 ** GENERATOR.uniform(-20, 20, 200)],
    ids=["normal", "mask", "forty decades"],
)
def test_hostile_importances_are_bounded_by_what_a_quantiser_takes(
    weights: np.ndarray, importance: np.ndarray
) -> None:
    for K in (1, 2, 16):
        tensor = rd.tensors.quantize_tensor(
            weights, rd.QuantizationConfig(num_clusters=K), importance=importance
        )
        p = np.bincount(tensor.labels.ravel()) / weights.size
        entropy = -float(np.sum(p[p > 0] * np.log2(p[p > 0])))
        assert 0 <= with_limit(tensor, weights, importance).limit <= entropy + 1e-9


@pytest.mark.parametrize(
    ("scale", "importance"), [(1e-200, None), (1.0, np.full(200, 5e-324)), (1e-10, np.full(200, 1e-290))]
)
def test_an_error_that_float64_lost_is_none_of_zero(scale: float, importance: np.ndarray | None) -> None:
    """Two values cannot be without an error here: the entropy of all values would be above their bit."""
    weights = scale * NORMAL[:200]
    assert limit_of(weights, 0.0, importance) is None
    assert limit_of(weights, 5e-324, importance) is None


def test_what_is_beyond_squares_is_not_known() -> None:
    assert limit_of(np.array([1e200, -1e200]), 1.0) is None
    assert limit_of(NORMAL, math.nan) is None


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from(["normal", "lumps", "ties", "mask"]))
def test_no_quantiser_is_below(seed: int, K: int, kind: str) -> None:
    """In float64, float16 and with importances: entropies of labels against limits."""
    generator = np.random.default_rng(seed)
    weights = {
        "normal": lambda: generator.normal(size=1500),
        "lumps": lambda: generator.integers(-2, 3, size=1500) + 1e-2 * generator.normal(size=1500),
        "ties": lambda: np.round(generator.laplace(size=1500), 1),
        "mask": lambda: np.where(generator.random(1500) < 0.1, -1e9, generator.normal(size=1500)),
    }[kind]()
    importance = generator.lognormal(size=1500)
    for h in (None, importance):
        found = rd.quantizers.kmeans(weights, min(K, np.unique(weights).size), h)
        p = np.bincount(found.labels) / 1500
        errors = (weights - found.reconstruction) ** 2
        entropy = -float(np.sum(p[p > 0] * np.log2(p[p > 0])))
        assert lower(weights, float(np.mean(errors if h is None else h * errors)), h) <= entropy + 1e-9


def test_a_trellis_is_above_and_near() -> None:
    weights = NORMAL[:4000].reshape(20, 200).astype(np.float32)
    config = rd.QuantizationConfig(trellis=4, coder="ans", mean_squared_error=0.3)
    found = with_limit(rd.tensors.compress_tensor(weights, config), weights)
    bits = 8 * found.stored("ans").entry.num_bytes / weights.size
    assert 0 < bits - found.limit < 0.2


CONFIGS = {
    "clusters": rd.QuantizationConfig(num_clusters=4),
    "penalised": rd.QuantizationConfig(num_clusters=4, diameter_penalty=0.01, relative_penalty=True),
    "blocks": rd.QuantizationConfig(num_clusters=16, block_length=2),
    "pruned": rd.QuantizationConfig(num_clusters=8, prune=0.5),
    "factored": rd.QuantizationConfig(num_clusters=16, rank=10),
}


@pytest.fixture(scope="module", params=CONFIGS)
def written(request, tmp_path_factory) -> tuple[pathlib.Path, rd.tensors.QuantizationReport]:
    folder = tmp_path_factory.mktemp(request.param)
    weights = {"one": NORMAL.reshape(100, 200).astype(np.float32), "two": NORMAL[:4000].astype(np.float16)}
    save_file(weights | {"raw": np.arange(9.0)}, folder / "model.safetensors")
    config = CONFIGS[request.param]
    report = rd.tensors.quantize_file(folder / "model.safetensors", folder / "model.rdz", config)
    return folder, report


def test_every_byte_of_a_file_is_somebodys(written) -> None:
    folder, report = written
    size = (folder / "model.rdz").stat().st_size
    rows, _ = rd.tensors.inspect_file(folder / "model.rdz")
    with RdzFile(folder / "model.rdz") as file:
        data = {name: entry.num_bytes for name, entry in file.entries.items()}
    for totals in (report.totals, Totals.of(rows, size)):
        assert totals.file_bytes == size
        assert (totals.raw_bytes, totals.num_weights) == (data["raw"], 24_000)
        assert totals.compressed_bytes == data["one"] + data["two"]
        assert totals.bits == pytest.approx(8 * (size - 72) / 24_000)


def test_the_file_keeps_what_the_report_says(written) -> None:
    folder, report = written
    rows, _ = rd.tensors.inspect_file(folder / "model.rdz")
    told = {row.name: row for row in rows}
    for one in report.outcomes:
        row = told[one.name]
        if one.reason is not None:
            assert (one.limit, one.gap, row.limit, row.gap) == (None,) * 4
            continue
        assert one.limit is not None
        assert (one.limit, one.gap) == (row.limit, row.gap)
        assert one.gap > 0
    told = Totals.of(rows, (folder / "model.rdz").stat().st_size)
    assert told == report.totals
    assert str(told) in str(report)


def test_the_limit_of_a_tree_is_that_of_the_file(written) -> None:
    folder, _ = written
    config = CONFIGS[folder.name.rstrip("0123456789")]
    weights = {"one": NORMAL.reshape(100, 200).astype(np.float32)}
    tree = rd.quantize_tree(weights, config)
    tree.save(folder / "tree.rdz")
    row = rd.tensors.inspect_file(folder / "tree.rdz")[0][0]
    assert (
        row.limit == {one.name: one for one in rd.tensors.inspect_file(folder / "model.rdz")[0]}["one"].limit
    )
    size = (folder / "tree.rdz").stat().st_size
    assert tree.file_bytes() == size
    totals = rd.tensors.tree_report(tree).totals
    assert totals.file_bytes == size
    assert totals.limit == row.limit
    assert totals.bits == 8 * size / 20_000


def test_where_no_limit_is_known_there_is_a_dash(tmp_path: pathlib.Path, capsys) -> None:
    """A tensor that was put into a file by itself, and one whose importances are not at hand."""
    tensor = rd.tensors.quantize_tensor(NORMAL, rd.QuantizationConfig(num_clusters=4))
    assert math.isnan(tensor.limit)
    with RdzWriter(tmp_path / "plain.rdz") as file:
        file.add("layer", tensor)
    assert file.num_bytes == (tmp_path / "plain.rdz").stat().st_size
    rows, _ = rd.tensors.inspect_file(tmp_path / "plain.rdz")
    assert (rows[0].limit, rows[0].gap) == (None, None)
    assert main(["inspect", str(tmp_path / "plain.rdz")]) == 0
    text = capsys.readouterr().out
    assert "everything counted\n" in text
    weighted = measured(tensor, NORMAL, np.full(NORMAL.size, 2.0))
    assert math.isnan(with_limit(weighted, NORMAL).limit)
    # Importances that are all equal change nothing but the unit of the error.
    plain = with_limit(measured(tensor, NORMAL, None), NORMAL)
    assert with_limit(weighted, NORMAL, np.full(NORMAL.size, 2.0)).limit == pytest.approx(
        plain.limit, abs=2e-3
    )


def test_a_tree_with_importances_has_the_limits_of_its_file(tmp_path: pathlib.Path) -> None:
    """Gaussian weights whose importances are told: ½ E log₂(hσ²/level), no level being above hσ²."""
    weights = NORMAL.reshape(100, 200).astype(np.float32)
    h = GENERATOR.lognormal(0.0, 0.5, size=weights.shape).astype(np.float32)
    tree = rd.quantize_tree({"one": weights}, 16, importance={"one": h})
    tree.save(tmp_path / "tree.rdz")
    row = rd.tensors.inspect_file(tmp_path / "tree.rdz")[0][0]
    report = rd.tensors.tree_report(tree)
    assert row.limit == report.totals.limit == report.outcomes[0].limit
    assert "both know the importances h: lower bounds" in str(report)
    expected = np.log2(np.mean(weights**2) / tree.quantized["one"].distortion) / 2 + np.mean(np.log2(h)) / 2
    assert row.limit == pytest.approx(expected, abs=0.03)
    audited = limit_of(weights, tree.quantized["one"].distortion, h)
    assert audited is not None
    assert row.limit == pytest.approx(audited.lower / math.log(2), abs=1 / 4096)


@pytest.mark.parametrize("limit", [-1.0, math.inf, 1 / 3, 17.0])
def test_a_lie_about_the_limit_is_no_entry(limit: float) -> None:
    entry = with_limit(rd.tensors.compress_tensor(NORMAL, CONFIGS["clusters"]), NORMAL).stored("ans").entry
    entry.check("layer")
    with pytest.raises(ValueError, match="the limit of 'layer' is not one that a file has"):
        dataclasses.replace(entry, limit=limit).check("layer")


def test_a_limit_beyond_the_file_s_range_is_still_one() -> None:
    labels = np.arange(4, dtype=np.uint8)
    tensor = QuantizedTensor(
        labels, np.arange(4, dtype=np.float32), (4,), np.dtype(np.float32), 0.0, False, 1.0
    )
    found = dataclasses.replace(tensor, limit=40.0).stored("huffman").entry.limit
    assert found == 65_535 / 4096
