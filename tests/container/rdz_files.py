"""Small .rdz files whose every byte is known, and ways to spoil them.

The files of version 1 in ``golden`` were written by the code that wrote that version.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import pathlib

import ml_dtypes
import numpy as np

from ratedist.codes.axis_classes import AxisClasses
from ratedist.container import (
    Entry,
    FactoredTensor,
    PrunedTensor,
    QuantizedTensor,
    RdzWriter,
    TrellisTensor,
    encode_header,
)
from ratedist.container.dtypes import dtype_name, from_bytes, to_bytes
from ratedist.container.rdz_format import entries_of, header_of
from ratedist.container.rdz_index import decode_index, encode_index, version_of
from ratedist.container.rdz_version1 import NO_DIGEST
from ratedist.quantizers.trellis.convolutional import trellis_of

GOLDEN = pathlib.Path(__file__).parent / "golden"
METADATA = {"format": "pt"}


def tensors():
    """Quantised tensors of all kinds and plain ones, in integer arithmetic alone."""
    labels = ((np.arange(60) * 7919 % 101) ** 2 % 5).astype(np.uint8)
    return {
        "scalar": QuantizedTensor(
            labels, np.array([-1.5, -0.25, 0.1, 0.75, 2.0], np.float32), (6, 10), np.dtype(np.float32), 0.125
        ),
        "half": QuantizedTensor(
            labels[:33] % 3, np.array([-1, 0.5, 3], np.float16), (33,), np.dtype(np.float16)
        ),
        "blocks": QuantizedTensor(
            labels[:7] % 4,
            np.arange(12).reshape(4, 3).astype(ml_dtypes.bfloat16),
            (4, 5),
            np.dtype(ml_dtypes.bfloat16),
            0.5,
        ),
        "constant": QuantizedTensor(
            np.zeros(3000, np.uint8), np.array([0.5], np.float32), (3000,), np.dtype(np.float64)
        ),
        "plain é": np.arange(6, dtype=np.int32).reshape(2, 3),
        "number": np.array(2.5, ml_dtypes.bfloat16),
        "empty": np.zeros((0, 3), np.float64),
    }


def forms():
    """Factored and pruned tensors of all dtypes, and one of either kind of before, likewise."""
    single, half, bfloat = np.dtype(np.float32), np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)
    labels = ((np.arange(200) * 7919 % 101) ** 2 % 5).astype(np.uint8)
    book = np.array([-1.5, -0.25, 0.1, 0.75, 2.0], np.float32)
    left = QuantizedTensor(labels[:24], book, (8, 3), single)
    right = QuantizedTensor(labels[50:68] % 4, book[:4].astype(ml_dtypes.bfloat16), (3, 6), single)
    pairs = QuantizedTensor(labels[:5] % 3, np.arange(6).reshape(3, 2).astype(np.float16), (5, 2), single)
    wide = QuantizedTensor(labels[70:84] % 2, book[[0, 4]], (2, 7), single)
    sparse, dense = np.arange(90) % 7 == 2, np.arange(60) ** 2 % 11 != 4
    return {
        "factored": FactoredTensor(left, right, (8, 6), single, 0.125, True, 2.0, 0.5),
        "factored kernel": FactoredTensor(left, right, (2, 4, 3, 2), bfloat),
        "factored pairs": FactoredTensor(pairs, wide, (5, 7), np.dtype(np.float64), 0.25, False, 1.0),
        "one": FactoredTensor(
            QuantizedTensor(np.zeros(2000, np.uint8), book[:1], (2000, 1), single),
            QuantizedTensor(labels[:2], book, (1, 2), single),
            (2000, 2),
            half,
        ),
        "pruned": PrunedTensor(
            sparse,
            QuantizedTensor(labels[: sparse.sum()], book, (sparse.sum(),), single),
            (9, 10),
            False,
            4,
            0.5,
        ),
        "pruned little": PrunedTensor(
            dense,
            QuantizedTensor(labels[: dense.sum()] % 3, book[:3].astype(np.float16), (dense.sum(),), half),
            (60,),
            True,
            9,
        ),
        "pruned blocks": PrunedTensor(
            np.arange(5000) < 5,
            QuantizedTensor(labels[:3] % 2, np.ones((2, 2), np.float32), (5,), np.dtype(np.float64)),
            (5, 1000),
            False,
            600,
        ),
        "scalar": tensors()["scalar"],
        "plain": np.arange(6, dtype=np.int32),
    }


def packed():
    """Tensors that are packed in Huffman code: labels, labels of blocks, of factors, and runs."""
    single, book = np.dtype(np.float32), np.array([-1.5, -0.25, 0.1, 0.75, 2.0], np.float32)
    few = (np.arange(9000) ** 2 % 89 % 29 % 11 < 2).astype(np.uint8)
    some = (np.arange(8200) * 7919 % 101 % 17 % 5).astype(np.uint8) // 2
    left = QuantizedTensor(few[:8500], book[[0, 3]], (1700, 5), single)
    right = QuantizedTensor(some[:30], book[:3], (5, 6), single)
    pruned = np.arange(20_000) ** 2 % 103 % 29 % 7 < 2
    kept = QuantizedTensor(few[: pruned.sum()], book[:2], (pruned.sum(),), single)
    return {
        "few": QuantizedTensor(few, book[:2], (90, 100), single, 0.125),
        "pairs": QuantizedTensor(some, book[:3].repeat(2).reshape(3, 2), (16_399,), single),
        "factored": FactoredTensor(left, right, (1700, 6), single),
        "pruned": PrunedTensor(pruned, kept, (20_000,), False, 1),
        "short": tensors()["scalar"],
        "plain": np.arange(6, dtype=np.int32),
    }


def path_symbols(num_weights, branches, num_first, num_states):
    """Some path through a trellis, each lane by itself, weight after weight, in whole numbers."""
    lanes, states, after = -(-num_weights // 1024), {}, trellis_of(num_states).next_states.tolist()
    symbols = np.zeros(num_weights, np.uint8)
    for place in range(num_weights):
        state = states.get(place % lanes, 0)
        first, size = (num_first, len(branches) - num_first) if state & 1 else (0, num_first)
        symbols[place] = first + (place * place * 7919 % 101) ** 2 % 29 % 11 % size
        states[place % lanes] = after[state][int(branches[symbols[place]])]
    return symbols


@functools.cache
def trellises():
    """Tensors along trellises of all dtypes, and one of either kind of before, likewise."""
    single, half, bfloat = np.dtype(np.float32), np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)
    book = np.array([-1.5, 0.1, 0.75, 2.5, -0.25, 1.25, 3.0], np.float64)
    branches = np.array([0, 1, 0, 1, 1, 0, 1], bool)

    def along(shape, levels, num_first, num_states, dtype, *errors, own=branches):
        own = own[: levels.size]
        symbols = path_symbols(int(np.prod(shape)), own, num_first, num_states)
        return TrellisTensor(symbols, levels, own, num_first, num_states, shape, dtype, *errors)

    return {
        "eight": along((9, 10), book.astype(np.float32), 4, 8, single, 0.125, True, 2.0, 0.5),
        "many states": along((40,), book[[0, 1, 4, 5]].astype(half), 2, 256, half),
        "packed": along((18_000,), book[[0, 1, 4]].astype(bfloat), 2, 4, bfloat),
        "double": along((5, 3, 2), book / 3, 4, 32, np.dtype(np.float64), 0.25, False, 1.0),
        "one union": along((3000,), book[[0, 2]].astype(np.float32), 2, 8, half, own=np.zeros(2, bool)),
        "number": along((), book[:1].astype(np.float32), 1, 16, single),
        "constant": along((5000,), book[1:2], 1, 64, np.dtype(np.float64)),
        "classes": dataclasses.replace(
            along((60, 50), book.astype(np.float32), 4, 8, single),
            classes=AxisClasses((np.arange(60).astype(np.uint8) % 5, np.zeros(0, np.uint8)), (2, 4)),
        ),
        "many classes": dataclasses.replace(
            along((30, 20, 50), book.astype(half), 4, 4, half),
            classes=AxisClasses(
                (
                    np.arange(30).astype(np.uint8),
                    np.zeros(0, np.uint8),
                    (3 * (np.arange(50) % 7)).astype(np.uint8),
                ),
                tuple(range(3, 48, 3)),
            ),
        ),
        "scalar": tensors()["scalar"],
        "factored": forms()["factored"],
        "plain": np.arange(6, dtype=np.int32),
    }


def write(path, coder, content=None):
    """Write ``tensors()`` or others; returns the bytes."""
    with RdzWriter(path, coder, METADATA) as writer:
        for name, tensor in (tensors() if content is None else content).items():
            if hasattr(tensor, "stored"):
                writer.add(name, tensor)
            else:
                writer.add_raw(name, tensor)
    return path.read_bytes()


def same(found, expected):
    """Whether two tensors of a file are equal bit for bit."""
    if isinstance(expected, QuantizedTensor):
        return (
            isinstance(found, QuantizedTensor)
            and np.array_equal(found.labels, expected.labels)
            and same(found.codebook, expected.codebook)
            and found.shape == expected.shape
            and found.dtype == expected.dtype
            and np.array_equal(found.distortion, expected.distortion, equal_nan=True)
            and same(found.reconstruction(), expected.reconstruction())
        )
    if hasattr(expected, "stored"):
        parts = {"left", "right", "values", "kept", "symbols", "levels", "branches"} & vars(expected).keys()
        return (
            type(found) is type(expected)
            and all(same(getattr(found, part), getattr(expected, part)) for part in parts)
            and all(
                np.array_equal(getattr(found, name), getattr(expected, name), equal_nan=True)
                for name in ("distortion", "energy", "bulk_error")
            )
            and found.weighted is expected.weighted
            and same(found.reconstruction(), expected.reconstruction())
        )
    return (
        found.dtype == expected.dtype
        and found.shape == expected.shape
        and found.tobytes() == expected.tobytes()
    )


def parts(whole):
    """Metadata, entries and data (bytes by name) of a file of version 2 to 5."""
    length = int.from_bytes(whole[:8], "little")
    sizes = [
        fields["shape"][0] for name, fields in json.loads(whole[8 : 8 + length]).items() if name[0] != "_"
    ]
    index = whole[8 + length + sizes[0] :]
    metadata, entries = decode_index(index, 8 + length, sizes[0])
    data = {name: whole[entry.places[0] :][: entry.num_bytes] for name, entry in entries.items()}
    return metadata, entries, data


def signed(metadata, entries, data):
    """A file of version 2 to 5 with these contents, all its SHA-256 right, whatever the contents."""
    entries = {
        name: dataclasses.replace(entry, digest=hashlib.sha256(data.get(name, b"")).digest())
        for name, entry in entries.items()
    }
    body = b"".join(data[name] for name in sorted(data))
    return with_index(encode_index(metadata, entries), body, version_of(entries.values()))


def with_index(index, body, version=2):
    """A file of version 2 to 5 with this index, its SHA-256 right."""
    header = header_of(len(body), index, version)
    assert list(entries_of(len(body), index)) == ["data", "index"]
    return len(header).to_bytes(8, "little") + header + body + index


def taken_apart(whole):
    """Description and data of the bytes of a file of version 1."""
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    description = json.loads(header.pop("__metadata__")["rdz"])
    data = {}
    for name, fields in header.items():
        start, end = (8 + length + offset for offset in fields["data_offsets"])
        data[name] = from_bytes(whole[start:end], fields["dtype"]).reshape(fields["shape"])
    return description, data


def put_together(description, data, true_digests=True):
    """A file of version 1 with these contents, all its SHA-256 right, whatever the contents."""
    if true_digests and isinstance(description.get("tensors"), dict):
        for name, fields in description["tensors"].items():
            if isinstance(fields, dict):
                parts = [data[kind + name] for kind in KINDS if kind + name in data]
                fields["sha256"] = hashlib.sha256(b"".join(map(to_bytes, parts))).hexdigest()
    entries = {name: Entry(dtype_name(x.dtype), x.shape) for name, x in data.items()}
    described = json.dumps(description, separators=(",", ":"), sort_keys=True)
    header = encode_header(entries, {"rdz": described, "rdz_sha256": NO_DIGEST})
    digest = hashlib.sha256(header).hexdigest()
    header = encode_header(entries, {"rdz": described, "rdz_sha256": digest})
    order = sorted(data, key=lambda name: (-data[name].itemsize, name))
    return (
        len(header).to_bytes(8, "little") + header + b"".join(bytes(to_bytes(data[name])) for name in order)
    )


KINDS = ("labels/", "codebook/", "counts/", "raw/")
