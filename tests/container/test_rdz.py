import math
import sys

import numpy as np
import pytest
import rdz_files
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist import codes
from ratedist.container import QuantizedTensor, RdzFile, RdzWriter
from ratedist.container.dtypes import CODEBOOK_DTYPES
from ratedist.quantizers import kmeans
from ratedist.units import nats_to_bits

GOLDEN = rdz_files.GOLDEN


def test_golden_file(tmp_path, coder):
    # Written on x86-64 Linux, to be met byte for byte everywhere.
    golden = GOLDEN / f"version2_{coder}.rdz"
    assert rdz_files.write(tmp_path / "file.rdz", coder) == golden.read_bytes()
    with RdzFile(golden) as file:
        for name, tensor in rdz_files.tensors().items():
            assert rdz_files.same(file.read(name), tensor), name


def test_round_trip(tmp_path, coder):
    whole = rdz_files.write(tmp_path / "file.rdz", coder)
    with RdzFile(tmp_path / "file.rdz") as file:
        file.verify()
        assert file.metadata == rdz_files.METADATA
        assert file.size == len(whole) == file.header_bytes + sum(e.num_bytes for e in file.entries.values())
        assert list(file.entries) == sorted(rdz_files.tensors())
        assert file.decoded_bytes == sum(
            np.asarray(x.reconstruction() if isinstance(x, QuantizedTensor) else x).nbytes
            for x in rdz_files.tensors().values()
        )
        for (name, tensor), expected in zip(file.read_many(file.entries), file.entries, strict=True):
            assert name == expected
            assert rdz_files.same(tensor, rdz_files.tensors()[name])
        for name, tensor in rdz_files.tensors().items():
            assert rdz_files.same(file.read(name), tensor)
            flat = np.concatenate(list(file.pieces(name)))
            expected = tensor.reconstruction() if isinstance(tensor, QuantizedTensor) else tensor
            assert flat.tobytes() == expected.tobytes()
        entry = file.entries["blocks"]
        assert (entry.dtype, entry.shape, entry.num_clusters, entry.block_length) == ("BF16", (4, 5), 4, 3)
        assert (entry.coder, entry.codebook_dtype, entry.distortion) == (coder, "bfloat16", 0.5)
        half, (sizes, details) = rdz_files.tensors()["half"], file.inspect("half")
        assert sizes == half.sizes
        assert details == {
            "num_clusters": half.num_clusters,
            "block_length": half.block_length,
            "coder": coder,
            "codebook_dtype": half.codebook.dtype.name,
            "diameter": half.diameter,
        }


def test_order_does_not_matter(tmp_path, coder):
    forwards = rdz_files.write(tmp_path / "one", coder)
    assert rdz_files.write(tmp_path / "two", coder, dict(reversed(rdz_files.tensors().items()))) == forwards


# Of few lengths, with every remainder of the block lengths: each number of blocks compiles its own start.
LENGTHS = st.sampled_from([1, 2, 5, 16, 60])


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(
    LENGTHS.flatmap(lambda size: st.lists(st.floats(-100, 100, width=16), min_size=size, max_size=size)),
    st.integers(1, 8),
    st.integers(1, 3),
    st.sampled_from(["huffman", "ans"]),
    st.sampled_from(list(CODEBOOK_DTYPES)),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_quantised_weights_come_back(
    tmp_path_factory, weights, num_clusters, block_length, coder, codebook_dtype, dtype
):
    if coder == "ans":
        pytest.importorskip("constriction")
    K = min(num_clusters, -(-len(weights) // block_length))
    quantized = kmeans(weights, K, block_length=block_length, key=0)
    tensor = QuantizedTensor.of(quantized, (len(weights),), dtype, codebook_dtype)
    path = tmp_path_factory.mktemp("files") / "file.rdz"
    with RdzWriter(path, coder) as writer:
        writer.add("w", tensor)
    with RdzFile(path) as file:
        found = file.read("w")
    assert rdz_files.same(found, tensor)
    expected = quantized.centers.astype(CODEBOOK_DTYPES[codebook_dtype]).astype(dtype)
    np.testing.assert_array_equal(
        found.reconstruction(), expected[quantized.labels].reshape(-1)[: len(weights)]
    )


@pytest.mark.parametrize("num_clusters", [4, 16, 256])
def test_sizes_against_entropy_and_huffman(tmp_path, num_clusters):
    weights = np.random.default_rng(0).standard_t(4, 10**5)
    tensor = QuantizedTensor.of(kmeans(weights, num_clusters), (1000, 100), np.float32, "bfloat16")
    sizes = tensor.sizes
    assert sizes.original == 32 * 10**5
    assert sizes.codebook == 16 * num_clusters
    assert sizes.entropy == pytest.approx(nats_to_bits(10**5 * codes.empirical_entropy(tensor.counts)))
    labels = {}
    for coder in ("huffman", "ans"):
        if coder == "ans":
            pytest.importorskip("constriction")
        with RdzWriter(tmp_path / coder, coder) as writer:
            labels[coder] = 8 * writer.add("w", tensor).coded_bytes
        with RdzFile(tmp_path / coder) as file:
            # Counts take at most four bytes each here; the rest is the header, less than a kilobyte.
            assert file.header_bytes < 1024
            assert file.size <= file.header_bytes + labels[coder] / 8 + sizes.codebook / 8 + 4 * num_clusters
    assert sizes.entropy <= labels["ans"] <= 1.001 * sizes.entropy + 64
    if num_clusters > 16:
        assert sizes.huffman <= labels["huffman"] <= sizes.huffman + 0.006 * 10**5
    else:  # several labels a symbol
        assert sizes.entropy < labels["huffman"] < min(1.012 * sizes.entropy, sizes.huffman)


@pytest.mark.parametrize("coder", ["huffman", pytest.param("ans", marks=pytest.mark.slow)])
def test_constant_and_large_codebooks(tmp_path, coder):
    # K = 1, and K = 65,536 labels that all occur; repeated centres where there are fewer distinct weights.
    many = QuantizedTensor(
        np.arange(1 << 16).astype(np.uint16),
        np.arange(1 << 16).astype(np.float32),
        (1 << 16,),
        np.dtype(np.float32),
    )
    few = QuantizedTensor.of(kmeans([1.0, 1.0, 2.0, 2.0], 4), (4,), np.float32)
    content = {"many": many, "few": few, "one": QuantizedTensor.of(kmeans([3.0, 3.0], 1), (2,), np.float32)}
    rdz_files.write(tmp_path / "file", coder, content)
    with RdzFile(tmp_path / "file") as file:
        for name, tensor in content.items():
            assert rdz_files.same(file.read(name), tensor)


def test_diameter_and_sizes_of_blocks():
    codebook = np.array([[0, 0], [3, 4], [1, 1]], np.float32)
    tensor = QuantizedTensor(np.array([0, 1, 2], np.uint8), codebook, (5,), np.dtype(np.float32))
    assert tensor.diameter == 5
    assert (tensor.num_clusters, tensor.block_length, tensor.num_weights) == (3, 2, 5)
    assert tensor.sizes.codebook == 3 * 2 * 32
    assert rdz_files.tensors()["scalar"].diameter == 3.5
    rng = np.random.default_rng(0)
    many = rng.normal(size=(200, 3)).astype(np.float32)
    brute = max(math.dist(a, b) for a in many.astype(float) for b in many.astype(float))
    assert QuantizedTensor(np.zeros(1, np.uint8), many, (3,), np.dtype(np.float32)).diameter == pytest.approx(
        brute
    )


LABELS, CENTERS, SINGLE = np.array([0, 1], np.uint8), np.array([0.5, 1.5], np.float32), np.dtype(np.float32)


@pytest.mark.parametrize(
    ("labels", "codebook", "shape", "dtype", "message"),
    [
        (LABELS, CENTERS, (3,), SINGLE, r"labels must have shape \(3,\)"),
        (LABELS[:0], CENTERS, (0,), SINGLE, "labels must have shape"),
        (LABELS + np.uint8(1), CENTERS, (2,), SINGLE, "below K = 2"),
        (LABELS.astype(np.int8), CENTERS, (2,), SINGLE, "unsigned"),
        (LABELS, CENTERS.astype(np.float64), (2,), SINGLE, "codebook must be of float32"),
        (LABELS, CENTERS[:0], (2,), SINGLE, "codebook must have shape"),
        (LABELS, CENTERS[None, None], (2,), SINGLE, "codebook must have shape"),
        (LABELS, CENTERS, (2,), np.dtype(np.int32), "floating-point"),
        (LABELS, CENTERS * 1e6, (2,), np.dtype(np.float16), "finite in float32 and as weights of float16"),
        (LABELS, np.array([0, np.nan], np.float32), (2,), SINGLE, "must be finite"),
        (LABELS, np.zeros((1 << 16) + 1, np.float32), (2,), SINGLE, "at most 65536 rows"),
    ],
)
def test_tensors_that_do_not_hang_together(labels, codebook, shape, dtype, message):
    with pytest.raises(ValueError, match=message):
        QuantizedTensor(labels, codebook, shape, dtype)


def test_centres_beyond_the_codebook():
    with pytest.raises(ValueError, match="must be finite in float16"):
        QuantizedTensor.of(kmeans([1e5, 2e5], 2), (2,), np.float64, "float16")
    with pytest.raises(ValueError, match="codebook_dtype must be one of float32, float16, bfloat16"):
        QuantizedTensor.of(kmeans([1.0, 2.0], 2), (2,), np.float64, "float64")


def test_writer_leaves_nothing_behind(tmp_path):
    (tmp_path / "file.rdz").write_bytes(b"before")
    with pytest.raises(RuntimeError, match="stop"), RdzWriter(tmp_path / "file.rdz") as writer:  # noqa: PT012
        writer.add("w", rdz_files.tensors()["scalar"])
        raise RuntimeError("stop")
    assert [path.name for path in tmp_path.iterdir()] == ["file.rdz"]
    assert (tmp_path / "file.rdz").read_bytes() == b"before"


def test_writer_complaints(tmp_path):
    with pytest.raises(ValueError, match="a tensor 'w' already"), RdzWriter(tmp_path / "file") as writer:  # noqa: PT012
        writer.add_raw("w", np.zeros(2))
        writer.add("w", rdz_files.tensors()["scalar"])
    with pytest.raises(ValueError, match="dtype must be one of"), RdzWriter(tmp_path / "file") as writer:
        writer.add_raw("w", np.array(["text"]))
    with pytest.raises(ValueError, match="coder must be one of huffman, ans"):
        RdzWriter(tmp_path / "file", "zip")
    with (
        pytest.raises(ValueError, match=r"UTF-8 can hold, got 'w.ud800'"),
        RdzWriter(tmp_path / "w") as writer,
    ):
        writer.add_raw("w\ud800", np.zeros(2))
    with pytest.raises(ValueError, match="'w' has 40 dimensions"), RdzWriter(tmp_path / "w") as writer:
        writer.add_raw("w", np.zeros([1] * 40))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(ValueError, match="cannot write to"):
        RdzWriter(tmp_path / "plain" / "file")


def test_without_constriction(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(ValueError, match=r"ratedist\[coding\]"):
        RdzWriter(tmp_path / "file", "ans")
    with RdzFile(GOLDEN / "version2_ans.rdz") as file:
        file.verify()
        assert file.read("number") == 2.5
        with pytest.raises(ValueError, match=r"tensor 'scalar': .*ratedist\[coding\]"):
            file.read("scalar")


def test_the_name_of_the_metadata_is_no_tensor(tmp_path) -> None:
    with RdzWriter(tmp_path / "m.rdz") as writer:
        with pytest.raises(ValueError, match="no tensor can have the name '__metadata__'"):
            writer.add_raw("__metadata__", np.ones(3))
        writer.add_raw("another", np.ones(3))
    with RdzFile(tmp_path / "m.rdz") as file:
        assert list(file.entries) == ["another"]
