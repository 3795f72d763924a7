"""Files of version 4, with several labels a symbol: what is in them, and that no lie is read."""

import dataclasses

import numpy as np
import pytest
import rdz_files
from hypothesis import given, settings
from hypothesis import strategies as st
from spoilt_files import everything, refused_or_sound

import ratedist as rd
from ratedist.codes.bitstream import huffman_encode
from ratedist.codes.packed import LEAST_LABELS, packed_decode, packed_encode
from ratedist.container import Entry, QuantizedTensor, RdzFile, rdz_size
from ratedist.container.dtypes import dtype_name

GOLDEN = (rdz_files.GOLDEN / "version4_huffman.rdz").read_bytes()
SINGLE = np.dtype(np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("packed") / "file.rdz"


def test_golden_file(path):
    # Written on x86-64 Linux, to be met byte for byte everywhere.
    assert rdz_files.write(path, "huffman", rdz_files.packed()) == GOLDEN
    with RdzFile(path) as file:
        assert file.version == 4
        assert {name: entry.coders for name, entry in file.entries.items()} == {
            "few": {"packed"},
            "pairs": {"packed"},
            "factored": {"packed", "huffman"},
            "pruned": {"packed", "huffman"},
            "short": {"huffman"},
            "plain": set(),
        }
        for name, tensor in rdz_files.packed().items():
            assert rdz_files.same(file.read(name), tensor), name
        for name, tensor in file.read_many(file.entries):
            assert rdz_files.same(tensor, rdz_files.packed()[name]), name


def test_the_version_says_what_a_reader_has_to_know(path):
    """In ANS nothing is packed, and without the tensors that are, readers of before read the file."""
    pytest.importorskip("constriction")
    rdz_files.write(path, "ans", rdz_files.packed())
    with RdzFile(path) as file:
        assert file.version == 3
    short = {name: one for name, one in rdz_files.packed().items() if name in ("short", "plain")}
    rdz_files.write(path, "huffman", short)
    with RdzFile(path) as file:
        assert file.version == 2


def test_the_size_is_known_before_it_is_written(path):
    content = rdz_files.packed()
    entries = {
        name: one.stored("huffman").entry
        if hasattr(one, "stored")
        else Entry(dtype_name(one.dtype), one.shape)
        for name, one in content.items()
    }
    assert rdz_size(entries, rdz_files.METADATA) == len(GOLDEN)
    tree = rd.quantize_tree({"w": np.random.default_rng(0).standard_t(4, (100, 100))}, 4)
    assert tree.save(path) == tree.file_bytes() == path.stat().st_size
    entry = tree.quantized["w"].stored("huffman").entry
    assert entry.coder == "packed"


@pytest.mark.parametrize("bits", [1.9, 2.7])
def test_a_budget_counts_the_bytes_of_the_file(path, bits):
    weights = np.random.default_rng(1).standard_t(4, (100, 120))
    tree = rd.quantize_tree({"w": weights}, rd.QuantizationConfig(bits_per_weight=bits))
    size = tree.save(path)
    with RdzFile(path) as file:
        assert file.size == size == tree.file_bytes()
        assert "packed" in file.entries["w"].coders
        assert bits - 0.45 < 8 * size / weights.size <= bits


@pytest.mark.parametrize("size", [LEAST_LABELS - 1, LEAST_LABELS])
@pytest.mark.parametrize("K", [1, 2, 4, 5, 16, 17])
def test_the_shorter_code_is_kept(size, K):
    """Never longer than labels one by one; packed where 2 to 16 labels are many, and it is shorter."""
    labels = np.minimum(np.random.default_rng(K).geometric(0.4, size) - 1, K - 1).astype(np.uint8)
    labels[:K] = np.arange(K)
    counts = np.bincount(labels, minlength=K)
    tensor = QuantizedTensor(labels, np.arange(K).astype(np.float32), (size,), SINGLE)
    entry = tensor.stored("huffman").entry
    single, several = huffman_encode(labels, counts), packed_encode(labels, counts)
    shorter = several is not None and size >= LEAST_LABELS and len(several) < len(single)
    assert entry.coder == ("packed" if shorter else "huffman")
    assert entry.coded_bytes == (len(several) if shorter else len(single))
    assert shorter == (size >= LEAST_LABELS and 1 < K < 17)


def test_labels_that_lie_badly_are_coded_one_by_one(path):
    """Symbols that are rare by the counts, and all there is: longer than a code of single labels."""
    labels = np.tile(np.repeat([0, 1], [1, 7]).astype(np.uint8), 1200)  # each symbol has seven of eight
    counts = np.bincount(labels)
    tensor = QuantizedTensor(labels, np.arange(2).astype(np.float32), (labels.size,), SINGLE)
    assert len(packed_encode(labels, counts)) < len(huffman_encode(labels, counts))
    worse = np.tile(np.repeat(np.arange(4, dtype=np.uint8), [8, 4, 2, 2]), 600)
    counts = np.bincount(worse)  # halves, quarters and eighths: one by one nothing is lost
    assert len(packed_encode(worse, counts)) * 8 >= 1.75 * worse.size
    content = {
        "one": tensor,
        "two": QuantizedTensor(worse, np.arange(4.0, dtype="f4"), (worse.size,), SINGLE),
    }
    rdz_files.write(path, "huffman", content)
    with RdzFile(path) as file:
        assert all(rdz_files.same(file.read(name), one) for name, one in content.items())


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(st.integers(0), st.integers(1, 255))
def test_any_changed_byte(path, position, change):
    content = bytearray(GOLDEN)
    content[position % len(content)] ^= change
    assert refused_or_sound(path, bytes(content)) is not None


@pytest.mark.slow
def test_every_changed_byte(path):
    for position in range(len(GOLDEN)):
        content = bytearray(GOLDEN)
        content[position] ^= 1 + position % 255
        assert refused_or_sound(path, bytes(content)) is not None, position


@settings(deadline=None, max_examples=25)
@given(st.integers(0), st.integers(0, 20), st.binary(max_size=20))
def test_splices(path, position, removed, inserted):
    position %= len(GOLDEN)
    spliced = GOLDEN[:position] + inserted + GOLDEN[position + removed :]
    assert spliced == GOLDEN or refused_or_sound(path, spliced) is not None


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(st.sampled_from(["few", "pairs", "factored", "pruned"]), st.data())
def test_lies_with_the_right_digests(path, name, data):
    """Bytes of codes and counts changed, and signed again: labels with the counts there are, or refused."""
    metadata, entries, contents = rdz_files.parts(GOLDEN)
    changed = bytearray(contents[name])
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    content = rdz_files.signed(metadata, {name: entries[name]}, {name: bytes(changed)})
    assert "LINE" not in (refused_or_sound(path, content) or "")


COUNTS = np.array([7213, 1787], np.uint16)


def counts_of(*values):
    return lambda entry, body: (entry, body[: -2 * len(values)] + np.array(values, np.uint16).tobytes())


def field(**changes):
    return lambda entry, body: (dataclasses.replace(entry, **changes), body)


def shorter(entry, body):
    """A code that is a byte short, its last segment too by what the index says."""
    coded = bytearray(body[: entry.coded_bytes - 1])
    coded[0] -= 1
    return dataclasses.replace(entry, coded_bytes=len(coded)), bytes(coded) + body[entry.coded_bytes :]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (counts_of(9000, 0), "labels are packed where 2 … 16 of them occur"),
        (counts_of(8999, 1), "the counts imply|does not end where|does not decode"),
        (counts_of(7000, 1000), "do not add up to the 9000 labels"),
        (field(coder="huffman"), "the counts imply"),
        (field(shape=(10**6, 10**6)), "claims 1000000000000 weights"),
        (field(shape=(9001,)), "do not add up to the 9001 labels"),
        (shorter, "does not end where the index says"),
    ],
)
def test_what_a_liar_is_told(path, spoil, message):
    metadata, entries, contents = rdz_files.parts(GOLDEN)
    entries["few"], contents["few"] = spoil(entries["few"], contents["few"])
    with pytest.raises(ValueError, match=message):
        raise ValueError(refused_or_sound(path, rdz_files.signed(metadata, entries, contents)))


def test_the_same_counts_in_another_order_are_another_tensor(path):
    """What only a digest can tell: signed again it is read, as labels with the stored counts."""
    metadata, entries, contents = rdz_files.parts(GOLDEN)
    labels = rdz_files.packed()["few"].labels
    counts = np.bincount(labels)
    other = packed_encode(np.roll(labels, 8), counts)
    entries["few"] = dataclasses.replace(entries["few"], coded_bytes=len(other))
    contents["few"] = other + contents["few"][-12:]
    found = everything(path, rdz_files.signed(metadata, entries, contents))
    np.testing.assert_array_equal(found["few"].labels, np.roll(labels, 8))
    np.testing.assert_array_equal(packed_decode(other, counts), np.roll(labels, 8))
