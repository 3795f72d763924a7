"""Tensors along trellises whose weights are in classes: bytes, what comes back, and lies about classes."""

import dataclasses

import numpy as np
import pytest
import rdz_files
from hypothesis import given, settings
from hypothesis import strategies as st
from spoilt_files import everything, refused_or_sound

from ratedist.codes.axis_classes import AxisClasses
from ratedist.container import RdzFile, TrellisTensor
from ratedist.quantizers import decode_trellis, quantize_trellis
from ratedist.quantizers.trellis.decoder import symbols_in_order

SINGLE = np.dtype(np.float32)


@pytest.fixture(scope="module")
def rows():
    """A layer whose inputs differ in scale, along a trellis."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(240, 100)) * 2.0 ** rng.uniform(-6, 0, 240)[:, None]
    found = quantize_trellis(weights.reshape(-1), 8, multiplier=2e-3)
    return TrellisTensor.of(found, weights.shape, SINGLE), found


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A file whose every byte is tried."""
    tensor = dataclasses.replace(
        rdz_files.trellises()["eight"],
        classes=AxisClasses((np.arange(9).astype(np.uint8) % 3, np.zeros(0, np.uint8)), (1, 2)),
    )
    return rdz_files.write(tmp_path_factory.mktemp("small") / "file.rdz", "huffman", {"w": tensor})


def test_fewer_bytes_and_the_same_weights(rows, tmp_path, coder):
    plain, found = rows
    tensor = plain.in_classes(coder)
    assert tensor.num_bytes(coder) < 0.92 * plain.num_bytes(coder)
    rdz_files.write(tmp_path / "file.rdz", coder, {"w": tensor})
    with RdzFile(tmp_path / "file.rdz") as file:
        assert file.version == 5
        back, told = file.read("w"), file.inspect("w")
        assert file.entries["w"].num_bytes == tensor.num_bytes(coder)
    # The quantiser's own decoder knows nothing of classes.
    expected = decode_trellis(found.streams, found.levels, found.branches, 8).astype(np.float32)
    np.testing.assert_array_equal(back.reconstruction().reshape(-1), expected)
    assert told.sizes == back.sizes == tensor.sizes
    assert tensor.sizes.entropy < 0.9 * plain.sizes.entropy
    assert tensor.sizes.entropy / 8 < tensor.num_bytes(coder)
    assert back.classes.borders == tensor.classes.borders
    assert all(map(np.array_equal, back.classes.numbers, tensor.classes.numbers))


def test_no_classes_where_weights_are_alike(coder):
    weights = np.random.default_rng(1).normal(size=(50, 60))
    found = quantize_trellis(weights.reshape(-1), 8, multiplier=2e-2)
    tensor = TrellisTensor.of(found, weights.shape, SINGLE)
    assert tensor.in_classes(coder).classes is None


@pytest.mark.parametrize("num_weights", [1, 7, 5000, 30_000])
def test_walk_in_classes_is_that_without(num_weights):
    """Few lanes go one by one, many step by step; both against streams without classes."""
    branches = np.array([0, 1, 0, 1, 1, 0, 1])
    symbols = rdz_files.path_symbols(num_weights, branches, 4, 8)
    classes = (np.arange(num_weights) ** 2 % 7 % 5).astype(np.uint8)
    streams = [
        symbols[((symbols >= 4) == union) & (classes == one)] - np.uint8(4 * union)
        for union in range(2)
        for one in range(5)
    ]
    both = branches[:4], branches[4:]
    np.testing.assert_array_equal(symbols_in_order(streams, both, 8, classes), symbols)
    longest = max(range(10), key=lambda i: streams[i].size)
    other = next(i for i in range(10) if i // 5 == longest // 5 and i != longest)
    streams[other] = np.append(streams[other], streams[longest][:1])
    streams[longest] = streams[longest][1:]
    with pytest.raises(ValueError, match="ends too early"):
        symbols_in_order(streams, both, 8, classes)


def test_classes_of_another_shape(rows):
    plain, _ = rows
    classes = plain.in_classes("huffman").classes
    with pytest.raises(ValueError, match="not those of a tensor of shape"):
        dataclasses.replace(plain, shape=(100, 240), classes=classes)


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(st.integers(0), st.integers(1, 255))
def test_any_changed_byte_with_right_digests(small, tmp_path_factory, position, change):
    """Other weights or a complaint, and what is told without decoding is what is decoded."""
    metadata, entries, data = rdz_files.parts(small)
    spoilt = bytearray(data["w"])
    spoilt[position % len(spoilt)] ^= change
    path = tmp_path_factory.mktemp("spoilt") / "file.rdz"
    refused_or_sound(path, rdz_files.signed(metadata, entries, {"w": bytes(spoilt)}))


# Streams of 6 parts; filling of none, 28 bytes of levels, 1 of branches, then counts and classes.
@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("counts", b"\x05", "counts of the labels are not written"),  # begins behind the last level
        ("counts", b"\x00\x04\x00", "counts of the labels are not written"),  # the first does not occur
        ("counts", b"\x00\x04\x7f", "do not add up|add up to the 90"),
        ("classes", b"\x20", "classes of the weights are not written"),  # too many numbers
        ("classes", b"\x03\x04\x03\x03", "not those of 9 slices"),
        ("classes", b"\x03\x04\x02\x03", "counts of the labels are not those of the classes|not written"),
        ("borders", b"\x02\x02", "ascending borders"),
        ("borders", b"\x01\x03", "ascending borders"),
        ("borders", b"\x00\x02", "ascending borders"),
    ],
)
def test_lies(small, tmp_path, place, value, message):
    metadata, entries, data = rdz_files.parts(small)
    form, spoilt = entries["w"].form, bytearray(data["w"])
    classes = len(spoilt) - form.class_bytes
    start = {"counts": classes - form.count_bytes, "classes": classes, "borders": len(spoilt) - 2}[place]
    spoilt[start : start + len(value)] = value
    with pytest.raises(ValueError, match=message):
        everything(tmp_path / "file.rdz", rdz_files.signed(metadata, entries, {"w": bytes(spoilt)}))


@pytest.mark.parametrize(
    "changes",
    [
        {"stream_coders": ("huffman",) * 4, "stream_bytes": (18,) * 4},
        {"stream_bytes": (0,) * 6},
        {"class_bytes": 0},
        {"count_bytes": 7},
        {"count_bytes": 10**6},
        {"stream_coders": ("huffman",) * 34, "stream_bytes": (1,) * 34},
        {"num_levels": (7, 0)},
    ],
)
def test_forms_that_do_not_hang_together(small, tmp_path, changes):
    metadata, entries, data = rdz_files.parts(small)
    form = dataclasses.replace(entries["w"].form, **changes)
    entries = {"w": dataclasses.replace(entries["w"], form=form)}
    with pytest.raises(ValueError, match=r"do not belong together|classes|not a valid"):
        everything(tmp_path / "file.rdz", rdz_files.signed(metadata, entries, data))
