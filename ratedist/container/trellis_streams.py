"""Streams of a tensor along a trellis, one for each union and class, their counts, and the classes as bytes.

Counts of a tensor without classes are K numbers above 0. With classes they are, for each class and each union
that has levels: the first level that occurs; how many there are from it to the last one; how often each of
these occurs.

Classes are, for each axis: how many values from 0 on the numbers of its slices can have, 0 if it has none;
how often each of them is there; bytes of the numbers in Huffman code, and these. Then come the borders.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ratedist.codes.axis_classes import RANGE, AxisClasses
from ratedist.codes.bitstream import huffman_encode, huffman_stream
from ratedist.container.quantized_tensor import coded_symbols
from ratedist.container.rdz_bytes import Cursor, number_bytes
from ratedist.container.rdz_forms import NO_STREAM


class Streams(NamedTuple):
    """Coded labels: those of union 0 in class 0, 1, …, then those of union 1.

    Attributes:
        coders: "huffman", "packed" or "ans", of each stream.
        payloads: of each stream.
    """

    coders: tuple[str, ...]
    payloads: list[bytes]


def class_counts(symbols: np.ndarray, classes: np.ndarray | None, num_classes: int, K: int) -> np.ndarray:
    """How often each symbol occurs in each class, int64 of shape ``(G, K)``."""
    if classes is None:
        return np.bincount(symbols, minlength=K)[None]
    return np.bincount(classes.astype(np.intp) * K + symbols, minlength=num_classes * K).reshape(-1, K)


def coded_streams(
    symbols: np.ndarray, counts: np.ndarray, num_first: int, classes: np.ndarray | None, coder: str
) -> Streams:
    """Labels of each union and class in the order of the weights, in code; ``counts`` as ``class_counts``."""
    num_classes, unions = len(counts), (counts[:, :num_first], counts[:, num_first:])
    group = (symbols >= num_first).astype(np.uint8) * np.uint8(num_classes)
    if classes is not None:
        group += classes
    ordered = symbols[np.argsort(group, kind="stable")]
    coders, payloads, start = [], [], 0
    for union, of_union in enumerate(unions):
        for own in of_union:
            stop = start + int(own.sum())
            occurring = np.flatnonzero(own)
            if occurring.size == 0:
                coders.append(coder if of_union.size else NO_STREAM)
                payloads.append(b"")
                continue
            rank = np.zeros(own.size, symbols.dtype)
            rank[occurring] = np.arange(occurring.size)
            labels = rank[ordered[start:stop] - symbols.dtype.type(union * num_first)]
            code, payload, _ = coded_symbols(labels, own[occurring], coder)
            coders.append(code)
            payloads.append(payload)
            start = stop
    return Streams(tuple(coders), payloads)


def count_bytes(counts: np.ndarray, num_first: int) -> bytes:
    """Counts of shape ``(G, K)`` as bytes."""
    if len(counts) == 1:
        return b"".join(number_bytes(int(count)) for count in counts[0])
    table = b""
    for of_class in counts:
        for own in (of_class[:num_first], of_class[num_first:]):
            if own.size == 0:
                continue
            occurring = np.flatnonzero(own)
            first, stop = (int(occurring[0]), int(occurring[-1]) + 1) if occurring.size else (0, 0)
            numbers = (first, stop - first, *map(int, own[first:stop]))
            table += b"".join(map(number_bytes, numbers))
    return table


def counts_from(data: bytes, num_classes: int, num_levels: tuple[int, int], num_weights: int) -> np.ndarray:
    """Counts of shape ``(G, K)``, int64; their sum is not trusted not to overflow.

    Raises:
        ValueError: bytes that are not counts of so many levels and weights.
    """
    cursor, rows, several = Cursor(data), [], num_classes > 1
    try:
        for _ in range(num_classes):
            row: list[int] = []
            for size in num_levels:
                first, length = 0, size
                if several and size:
                    first, length = cursor.number(), cursor.number()
                if first + length > size:
                    raise ValueError
                own = [cursor.number() for _ in range(length)]
                if several and ((first and not own) or 0 in (*own[:1], *own[-1:])):
                    raise ValueError
                row += [0] * first + own + [0] * (size - first - length)
            rows.append(row)
    except ValueError:
        raise ValueError("the counts of the labels are not written as they should be") from None
    totals = [sum(column) for column in zip(*rows, strict=True)]
    if not cursor.at_end or min(totals) < 1 or sum(totals) != num_weights:
        raise ValueError(
            f"the counts are not {len(totals)} numbers above zero that add up to the {num_weights} labels "
            "of the tensor"
        )
    return np.array(rows, np.int64)


def class_bytes(classes: AxisClasses) -> bytes:
    """Numbers of slices and borders as bytes."""
    data = b""
    for own in classes.numbers:
        counts = np.bincount(own) if own.size else np.zeros(0, np.int64)
        data += number_bytes(counts.size) + b"".join(number_bytes(int(count)) for count in counts)
        if own.size:
            payload = huffman_encode(_ranks(counts)[own], counts[counts > 0])
            data += number_bytes(len(payload)) + payload
    return data + b"".join(map(number_bytes, classes.borders))


def classes_from(data: bytes, num_classes: int, shape: tuple[int, ...]) -> AxisClasses:
    """Inverse of ``class_bytes``.

    Raises:
        ValueError: bytes that are not numbers for the slices of such a tensor, and so many borders.
    """
    cursor, numbers = Cursor(data), []
    try:
        for length in shape:
            size = cursor.number()
            if size == 0:
                numbers.append(np.zeros(0, np.uint8))
                continue
            if size > RANGE + 1:
                raise ValueError("they are too large")
            counts = np.array([min(cursor.number(), length + 1) for _ in range(size)], np.int64)
            if counts.sum() != length or counts[-1] == 0:
                raise ValueError(f"they are not those of {length} slices")
            labels = huffman_stream(cursor.take(cursor.number()), counts[counts > 0]).decode()
            numbers.append(np.flatnonzero(counts).astype(np.uint8)[labels])
        classes = AxisClasses(tuple(numbers), tuple(cursor.number() for _ in range(num_classes - 1)))
        if not cursor.at_end:
            raise ValueError("something is behind them")
    except ValueError as error:
        raise ValueError(f"the classes of the weights are not written as they should be: {error}") from None
    return classes


def _ranks(counts: np.ndarray) -> np.ndarray:
    """Place of each value among those that occur."""
    return np.cumsum(counts > 0) - 1
