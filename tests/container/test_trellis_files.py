"""Tensors along trellises in files: the bytes, what comes back, versions, what does not hang together."""

import dataclasses
import math

import numpy as np
import pytest
import rdz_files

from ratedist.codes import empirical_entropy
from ratedist.container import Entry, RdzFile, RdzWriter, TrellisTensor, rdz_size
from ratedist.quantizers import decode_trellis, quantize_trellis

SINGLE = np.dtype(np.float32)


def test_golden_file(tmp_path, coder):
    # Written on x86-64 Linux, to be met byte for byte everywhere.
    golden = rdz_files.GOLDEN / f"version5_{coder}.rdz"
    assert rdz_files.write(tmp_path / "file.rdz", coder, rdz_files.trellises()) == golden.read_bytes()
    with RdzFile(golden) as file:
        assert file.version == 5
        for name, tensor in rdz_files.trellises().items():
            assert rdz_files.same(file.read(name), tensor), name
        assert file.entries["packed"].coders == ({"packed", "huffman"} if coder == "huffman" else {"ans"})


def test_round_trip(tmp_path, coder):
    content = rdz_files.trellises()
    with RdzWriter(tmp_path / "file", coder) as writer:
        entries = {name: writer.add(name, one) for name, one in content.items() if name != "plain"}
        writer.add_raw("plain", content["plain"])
    size = (tmp_path / "file").stat().st_size
    assert size == writer.num_bytes == rdz_size(entries | {"plain": Entry("I32", (6,))})
    with RdzFile(tmp_path / "file") as file:
        file.verify()
        for name, tensor in file.read_many(file.entries):
            assert rdz_files.same(tensor, content[name])
            if name == "plain":
                continue
            flat = np.concatenate(list(file.pieces(name)))
            assert flat.tobytes() == tensor.reconstruction().tobytes()
            told = file.inspect(name)
            assert told.sizes == tensor.sizes
            assert told.details["num_clusters"] == tensor.num_clusters == file.entries[name].num_clusters
            assert sum(map(len, tensor.stored(coder).parts)) == file.entries[name].num_bytes
        assert file.entries["eight"].num_labels == file.entries["eight"].num_weights == 90


def test_the_version_says_what_a_reader_has_to_know(tmp_path):
    rest = {name: one for name, one in rdz_files.trellises().items() if name in ("scalar", "factored")}
    rdz_files.write(tmp_path / "old", "huffman", rest)
    with RdzFile(tmp_path / "old") as file:
        assert file.version == 3


def test_sizes_by_hand():
    """Each stream at the entropy of its own union; a level has its bits and a branch."""
    tensor = rdz_files.trellises()["eight"]
    low, high = tensor.symbols[tensor.symbols < 4], tensor.symbols[tensor.symbols >= 4] - 4
    entropy = sum(one.size * empirical_entropy(np.bincount(one)) / math.log(2) for one in (low, high))
    assert tensor.sizes.entropy == pytest.approx(entropy, rel=1e-12)
    assert tensor.sizes.codebook == 7 * 33
    assert tensor.sizes.original == 90 * 32
    # Levels 28 bytes, branches 1, counts below 128 a byte each.
    assert tensor.stored("huffman").entry.part_bytes[2:] == (0, 28, 1, 7)


@pytest.mark.parametrize("level_dtype", [np.float64, np.float32, np.float16])
def test_what_the_quantiser_found_is_what_is_stored(level_dtype):
    """Against the decoder of the quantiser, whose levels are rounded by NumPy."""
    weights = np.random.default_rng(0).normal(size=(40, 50))
    found = quantize_trellis(weights.reshape(-1), 8, multiplier=0.02)
    whole = TrellisTensor.of(found, weights.shape, np.dtype(np.float64))
    tensor = whole.rounded(whole.levels.astype(level_dtype))
    levels = [one.astype(level_dtype).astype(float) for one in found.levels]
    expected = decode_trellis(found.streams, levels, found.branches, 8)
    np.testing.assert_array_equal(tensor.reconstruction().reshape(-1), expected)
    assert tensor.num_first == found.levels[0].size


def test_levels_that_become_equal_are_one():
    """Beside a large offset half precision knows few levels; branches still tell them apart."""
    weights = 100 + 0.1 * np.random.default_rng(1).normal(size=3000)
    found = quantize_trellis(weights, 4, multiplier=1e-4)
    whole = TrellisTensor.of(found, (3000,), SINGLE)
    tensor = whole.rounded(whole.levels.astype(np.float16))
    levels = [one.astype(np.float16).astype(float) for one in found.levels]
    expected = decode_trellis(found.streams, levels, found.branches, 4)
    np.testing.assert_array_equal(tensor.reconstruction(), expected)
    pairs = {
        (union, float(np.float16(level)), int(branch))
        for union in range(2)
        for level, branch in zip(found.levels[union], found.branches[union], strict=True)
    }
    assert tensor.num_clusters == len(pairs) < sum(one.size for one in found.levels)


GOOD = rdz_files.trellises()["eight"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_states": 12}, "power of two"),
        ({"num_states": 512}, "num_states"),
        ({"branches": GOOD.branches[:-1]}, "one shape"),
        ({"branches": GOOD.branches.astype(np.uint8)}, "branches booleans"),
        ({"num_first": 0}, "union 0 must have"),
        ({"num_first": 8}, "union 0 must have"),
        ({"levels": GOOD.levels.astype(np.int32)}, "floating-point types"),
        ({"dtype": np.dtype(np.int32)}, "floating-point types"),
        ({"shape": (9, 11)}, "symbols must have shape"),
        ({"shape": (0,), "symbols": GOOD.symbols[:0]}, "not empty"),
        ({"symbols": GOOD.symbols.astype(np.int64)}, "unsigned integers below"),
        ({"symbols": GOOD.symbols + np.uint8(1)}, "unsigned integers below"),
        ({"symbols": np.minimum(GOOD.symbols, 5)}, "every level must be that of a weight"),
        ({"levels": np.where(GOOD.levels == 3, np.nan, GOOD.levels)}, "finite"),
        ({"levels": GOOD.levels * 1e38, "dtype": np.dtype(np.float16)}, "finite"),
    ],
)
def test_parts_that_do_not_hang_together(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(GOOD, **changes)


def test_symbols_that_are_no_path_are_not_written(tmp_path):
    """The writer decodes what it has written: there they are another tensor, or a stream ends too early."""
    swapped = GOOD.symbols.copy()
    place = int(np.flatnonzero(np.diff((swapped >= 4).astype(int)))[0])
    swapped[[place, place + 1]] = swapped[[place + 1, place]]
    with (
        pytest.raises(ValueError, match=r"would not be decoded|ends too early"),
        RdzWriter(tmp_path / "file.rdz") as writer,
    ):
        writer.add("w", dataclasses.replace(GOOD, symbols=swapped))
    assert not list(tmp_path.iterdir())
