import collections
import itertools
import math

import pytest

from ratedist import codes


def test_eq_39_by_hand():
    counts = [5, 2, 1]  # lengths 1, 2, 2: payload 11 bits
    assert codes.description_length(counts, 16) == 11 + 48
    assert codes.description_length(counts, 16, block_length=2) == 11 + 96
    assert codes.compression_ratio(counts, 32) == (11 + 96) / (8 * 32)
    assert codes.compression_ratio(counts, 16, weight_bits=32) == (11 + 48) / (8 * 32)
    assert codes.compression_ratio(counts, 32, block_length=2) == (11 + 192) / (16 * 32)
    assert codes.compression_ratio(counts, 32, block_length=2, num_weights=15) == (11 + 192) / (15 * 32)


def test_single_cluster_costs_its_centre_only():
    assert codes.description_length([50], 32) == 32
    assert codes.decodable_length([50], 32, max_clusters=16) == 32 + 4


def test_header():
    assert codes.header_bits(1, 1) == 0
    assert codes.header_bits(2, 16) == 2 + 4
    assert codes.header_bits(5, 16) == 15 + 4
    assert codes.header_bits(16, 16) == 64 + 4
    assert codes.decodable_length([5, 2, 1], 16) == 59 + 6 + math.log2(3)


def test_header_makes_kraft_hold_where_it_fails_without():
    # Every stream of 6 labels from up to 4 clusters, centres free of charge on both sides.
    without, decodable, longest = 0.0, 0.0, 4
    for num_clusters in range(1, longest + 1):
        streams = itertools.product(range(num_clusters), repeat=6)
        of_counts = collections.Counter(tuple(map(labels.count, range(num_clusters))) for labels in streams)
        for counts, number in of_counts.items():
            without += number * 2.0 ** -codes.huffman_payload_bits(counts)
            bits = codes.decodable_length(counts, 1, max_clusters=longest) - codes.codebook_bits(
                num_clusters, 1
            )
            decodable += number * 2.0**-bits
    assert without > 1
    assert decodable <= 1


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: codes.description_length([1, 2], 0), "center_bits"),
        (lambda: codes.description_length([1, 2], 16, 0), "block_length"),
        (lambda: codes.decodable_length([1, 2, 3], 16, max_clusters=2), "max_clusters"),
        (lambda: codes.compression_ratio([1, 2], 16, weight_bits=0), "weight_bits"),
        (lambda: codes.compression_ratio([1, 2], 16, num_weights=0), "num_weights"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(ValueError, match=match):
        call()
