"""Lies in the index of version 2 with all digests right, and names that look like digests."""

import dataclasses
import hashlib
import json
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
import rdz_files
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.container import Entry, QuantizedTensor, RdzFile, RdzWriter, TensorFile, rdz_size
from ratedist.container.dtypes import dtype_name
from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_index import decode_index, encode_index
from ratedist.container.rdz_row import DTYPE_CODES

WHOLE = {}


@pytest.fixture(scope="module", autouse=True)
def whole_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    WHOLE["huffman"] = rdz_files.write(folder / "huffman", "huffman")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("spoilt") / "file.rdz"


def everything(path, content):
    path.write_bytes(content)
    with RdzFile(path) as file:
        file.verify()
        for name, entry in file.entries.items():
            assert (file.inspect(name) is None) == (entry.kind == "raw")
        return dict(file.read_many(file.entries))


def test_taken_apart_and_signed_it_is_the_same(path):
    assert rdz_files.signed(*rdz_files.parts(WHOLE["huffman"])) == WHOLE["huffman"]


ZEROS = "0" * 64


@pytest.mark.parametrize("coder", ["huffman", "ans"])
@pytest.mark.parametrize(
    "text", [ZEROS, hashlib.sha256(b"").hexdigest(), f'"rdz_sha256":"{ZEROS}"', "\x1b[2J\n"]
)
def test_texts_that_look_like_a_digest(tmp_path, coder, text):
    if coder == "ans":
        pytest.importorskip("constriction")
    tensor = rdz_files.tensors()["scalar"]
    with RdzWriter(tmp_path / "file", coder, {text: text, "other": text}) as writer:
        writer.add(text, tensor)
        writer.add_raw(text + text, np.arange(3))
    with RdzFile(tmp_path / "file") as file:
        assert file.metadata == {text: text, "other": text}
        assert rdz_files.same(file.read(text), tensor)
        assert file.read(text + text).tolist() == [0, 1, 2]


def test_a_file_of_version_1_with_zeros_in_a_name(path):
    """Signed as a writer should have: that of version 1 put the digest at the first place with zeros."""
    description, arrays = rdz_files.taken_apart((rdz_files.GOLDEN / "version1_raw.rdz").read_bytes())
    description["metadata"] = {"a": ZEROS}
    path.write_bytes(rdz_files.put_together(description, arrays))
    with RdzFile(path) as file:
        assert file.metadata == {"a": ZEROS}
        assert file.read("é").tolist() == [[1, 2, -3]]


def test_a_writer_that_cannot_read_its_file_leaves_the_old_one(tmp_path, monkeypatch):
    rdz_files.write(tmp_path / "file", "huffman")
    before = (tmp_path / "file").read_bytes()
    from ratedist.container import rdz_writer

    for broken in (
        lambda metadata, entries: encode_index(metadata, entries) + b"\0",
        lambda metadata, entries: encode_index({}, entries),
        lambda metadata, entries: encode_index(
            metadata, {"w": dataclasses.replace(entries["w"], digest=bytes(32))}
        ),
        lambda metadata, entries: encode_index(
            metadata, {"w": dataclasses.replace(entries["w"], distortion=1.0)}
        ),
    ):
        monkeypatch.setattr(rdz_writer, "encode_index", broken)
        with (
            pytest.raises(ValueError, match=r"not a valid \.rdz|damaged|would not be read"),
            RdzWriter(tmp_path / "file", metadata={"a": "b"}) as writer,
        ):
            writer.add("w", rdz_files.tensors()["scalar"])
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == before


@pytest.mark.parametrize("coder", ["huffman", "ans"])
def test_a_coder_that_codes_something_else(tmp_path, monkeypatch, coder):
    """The same counts, all digests right, labels in another order: seen before the file takes its place."""
    if coder == "ans":
        pytest.importorskip("constriction")
    right = QuantizedTensor.stored
    rdz_files.write(tmp_path / "file", coder)
    before = (tmp_path / "file").read_bytes()

    def wrong(tensor, coder):
        if tensor.num_clusters == 5:
            tensor = dataclasses.replace(tensor, labels=tensor.labels[::-1])
        return right(tensor, coder)

    monkeypatch.setattr(QuantizedTensor, "stored", wrong)
    with pytest.raises(ValueError, match="'scalar' would not be decoded as it was given"):
        rdz_files.write(tmp_path / "file", coder)
    assert (tmp_path / "file").read_bytes() == before


NEW = {
    "version1_scalars": (
        {"w": np.array([[-0.5, 0.25, 3, 0.25], [0.25, 3, 0.25, -0.5]], np.float32)},
        {"format": "pt"},
    ),
    "version1_blocks": ({"w": np.array([3, 4, 1, 2, 3, 4, -5], np.float16)}, {}),
    "version1_raw": ({"é": np.array([[1, 2, -3]], np.int16), "b": np.array(True)}, {}),
}


@pytest.mark.parametrize("name", NEW)
def test_small_files_of_version_1(name):
    expected, metadata = NEW[name]
    if name == "version1_blocks":
        pytest.importorskip("constriction")
    with RdzFile(rdz_files.GOLDEN / f"{name}.rdz") as file:
        file.verify()
        assert file.version == 1
        assert file.metadata == metadata
        assert file.entries.keys() == expected.keys()
        for key, array in expected.items():
            found = file.read(key)
            found = found.reconstruction() if isinstance(found, QuantizedTensor) else found
            assert (found.dtype, found.shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("coder", ["huffman", "ans"])
def test_golden_files_of_version_1(coder):
    if coder == "ans":
        pytest.importorskip("constriction")
    with RdzFile(rdz_files.GOLDEN / f"version1_{coder}.rdz") as file:
        assert (file.version, file.metadata) == (1, rdz_files.METADATA)
        for name, tensor in rdz_files.tensors().items():
            assert rdz_files.same(file.read(name), tensor), name


def test_what_a_row_keeps(tmp_path):
    tensor = rdz_files.tensors()["scalar"]
    cases = {
        f"{index}": dataclasses.replace(
            tensor, distortion=distortion, energy=energy, weighted=weighted, bulk_error=bulk_error
        )
        for index, (distortion, energy, weighted, bulk_error) in enumerate(
            [
                (0.0, 1e-300, True, np.nan),
                (np.nan, 2.0, False, 0.0),
                (3.5, np.nan, None, np.inf),
                (np.nan, np.nan, True, 0.75),
                (np.nan, np.nan, None, np.nan),
            ]
        )
    }
    rdz_files.write(tmp_path / "file", "huffman", cases)
    with RdzFile(tmp_path / "file") as file:
        for name, case in cases.items():
            found = file.read(name)
            assert found.weighted is case.weighted
            np.testing.assert_array_equal([found.distortion, found.energy], [case.distortion, case.energy])
            np.testing.assert_array_equal(found.bulk_error, case.bulk_error)


def test_bytes_of_packed_dtypes_are_copied(tmp_path):
    data = bytes(range(12))
    with RdzWriter(tmp_path / "file") as writer:
        writer.add_raw_bytes("packed", Entry("F4", (4, 6)), [data[:5], data[5:]])
        writer.add_raw("scale", np.array([1, 2], ml_dtypes.float8_e8m0fnu))
        with pytest.raises(ValueError, match="have not the size"):
            writer.add_raw_bytes("short", Entry("F4", (4, 7)), [data])
    with RdzFile(tmp_path / "file") as file:
        assert b"".join(file.raw_chunks("packed")) == data
        assert file.entries["packed"].decoded_bytes == 12
        with pytest.raises(ValueError, match="values of F4 are packed"):
            file.read("packed")
        assert file.read("scale").dtype == np.dtype(ml_dtypes.float8_e8m0fnu)


def test_dtype_codes_never_change():
    """Their order is part of the format; names are only ever added."""
    first = "BOOL U8 I8 F8_E4M3 F8_E5M2 U16 I16 F16 BF16 U32 I32 F32 U64 I64 F64 C64"
    assert " ".join(DTYPE_CODES) == f"{first} F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ F4 F6_E2M3 F6_E3M2"


def lied(name="scalar", data=None, **changes):
    def spoil(metadata, entries, contents):
        entries[name] = dataclasses.replace(entries[name], **changes)
        contents[name] = contents[name] if data is None else data(contents[name])

    return spoil


def in_index(change):
    """The index changed as bytes, and signed."""

    def spoil(metadata, entries, contents):
        body = b"".join(contents[name] for name in sorted(contents))
        return rdz_files.with_index(change(encode_index(metadata, entries)), body)

    return spoil


def nothing_missing(metadata, entries, contents):
    contents["scalar"] += b"\0"


NAN_BOOK = lambda data: data[: -5 - 20] + np.array([0, 1, np.nan, 2, 3], np.float32).tobytes() + data[-5:]  # noqa: E731
OTHER_LABELS = lambda data: data[:2] + bytes([data[2] ^ 1]) + data[3:]  # noqa: E731


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lied(shape=(10**12,)), "claims 1000000000000 weights"),
        (lied(shape=(2**62,)), "too large"),
        (lied(shape=(1,) * 40), "has 40 dimensions, more than 32"),
        (lied(shape=(61,)), "do not add up to the 61 labels"),
        (lied(shape=(0, 60)), "do not add up to the 0 labels"),
        (lied("constant", shape=(4000,)), "'scalar' claims 60 weights .* not in its 121 bytes"),
        (lied(coded_bytes=10**9), "1000000000 bytes of code"),
        (lied(codebook_shape=(70_000,)), "do not belong together"),
        (lied(codebook_shape=(0,)), "do not belong together"),
        (lied(counts_dtype="I8"), "do not belong together"),
        (lied(counts_dtype="F32"), "do not belong together"),
        (lied(dtype="I32"), "not that of a quantised tensor"),
        (lied(dtype="F4"), "not that of a quantised tensor"),
        (lied(distortion=float("inf")), "distortion of 'scalar' is not a number"),
        (lied(distortion=-1.0), "distortion of 'scalar' is not a number"),
        (lied(distortion=float("nan")), "distortion of 'scalar' is not a number"),
        (lied(bulk_error=-1.0), "bulk error of 'scalar' is not a number"),
        (lied(bulk_error=float("nan")), "bulk error of 'scalar' is not a number"),
        (lied(data=NAN_BOOK), "tensor 'scalar': codebook must be finite"),
        (lied(data=OTHER_LABELS), "does not decode to labels with these counts|does not end where"),
        (nothing_missing, "belong to no tensor"),
        (in_index(lambda index: index + b"\0"), "belong to no tensor"),
        (in_index(lambda index: index[:-1]), "ends too early"),
        (in_index(lambda index: b""), "ends too early"),
        (in_index(lambda index: b"\xff" * 20 + index), "not written as it should be"),
        (in_index(lambda index: b"\x81\0" + index[1:]), "not written as it should be"),
        (in_index(lambda index: index.replace(b"\x06scalar", b"\x06\xff\xfe\xfdlar")), "not UTF-8"),
        (in_index(lambda index: index.replace(b"\x06scalar", b"\x06acalar")), "not in order"),
        (in_index(lambda index: index.replace(b"\x06number", b"\x06constb")), "not in order"),
        (in_index(lambda index: index.replace(b"\x06scalar\x0b", b"\x06scalar\x63")), "does not know"),
    ],
)
def test_what_a_liar_is_told(path, spoil, message):
    metadata, entries, contents = rdz_files.parts(WHOLE["huffman"])
    content = spoil(metadata, entries, contents) or rdz_files.signed(metadata, entries, contents)
    tracemalloc.start()
    with pytest.raises(ValueError, match=message) as caught:
        everything(path, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6 + 50 * len(content)
    assert "\n" not in str(caught.value)


VALUES = {
    "dtype": st.sampled_from(DTYPE_CODES),
    "shape": st.lists(st.integers(0, 80), max_size=3).map(tuple),
    "coded_bytes": st.integers(0, 100),
    "codebook_dtype": st.sampled_from(["float32", "float16", "bfloat16"]),
    "codebook_shape": st.lists(st.integers(0, 9), min_size=1, max_size=2).map(tuple),
    "counts_dtype": st.sampled_from(DTYPE_CODES),
    "coder": st.sampled_from(["huffman", "ans"]),
    "distortion": st.floats(),
    "energy": st.floats(),
    "bulk_error": st.floats(),
}


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(st.data())
def test_lies_with_the_right_digests(path, data):
    """Index and data changed at will, all SHA-256 made to fit: read as something sound or refused."""
    metadata, entries, contents = rdz_files.parts(WHOLE["huffman"])
    for _ in range(data.draw(st.integers(1, 2))):
        name = data.draw(st.sampled_from(sorted(entries)))
        if entries[name].coder is not None and data.draw(st.booleans()):
            field = data.draw(st.sampled_from(sorted(VALUES)))
            entries[name] = dataclasses.replace(entries[name], **{field: data.draw(VALUES[field])})
        else:
            changed = bytearray(contents[name])
            position = data.draw(st.integers(0, len(changed)))
            changed[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
            contents[name] = bytes(changed)
    content = rdz_files.signed(metadata, entries, contents)
    tracemalloc.start()
    try:
        found = everything(path, content)
    except ValueError:
        pass
    else:
        for tensor in found.values():
            np.asarray(tensor.reconstruction() if hasattr(tensor, "reconstruction") else tensor)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2e6 + 1024 * 10 * len(content)


@settings(deadline=None, max_examples=50)
@given(st.integers(0), st.binary(max_size=4), st.integers(0, 4))
def test_any_index_of_bytes(position, inserted, removed):
    """Whatever the index: decoded to what encodes to it again, or refused."""
    metadata, entries, contents = rdz_files.parts(WHOLE["huffman"])
    index, size = encode_index(metadata, entries), sum(map(len, contents.values()))
    position %= len(index)
    changed = index[:position] + inserted + index[position + removed :]
    try:
        decoded = decode_index(changed, 100, size)
    except ValueError:
        return
    assert encode_index(*decoded) == changed or b"\xf8\x7f" in changed  # NaN of another kind


def test_the_header_of_many_tensors(tmp_path):
    """Bytes of a row and memory of an entry, as the documents of the format tell them."""
    scalar = rdz_files.parts(WHOLE["huffman"])[1]["scalar"]
    entries = {f"layers.{index:05}.weight": scalar for index in range(2000)}
    assert len(encode_index({}, entries)) / 2000 < 90
    index = encode_index({}, {f"{i:04}": RdzEntry("U8", (0,), bytes(32)) for i in range(4000)})
    tracemalloc.start()
    decode_index(index, 0, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15 * len(index)


@pytest.mark.parametrize("coder", ["huffman", "ans"])
def test_the_size_is_known_before_it_is_written(tmp_path, coder):
    if coder == "ans":
        pytest.importorskip("constriction")
    content = rdz_files.tensors()
    content |= {
        f"x{i}": dataclasses.replace(content["scalar"], energy=2.0, weighted=True) for i in range(150)
    }
    rdz_files.write(tmp_path / "file", coder, content)
    entries = {
        name: x.stored(coder).entry if isinstance(x, QuantizedTensor) else Entry(dtype_name(x.dtype), x.shape)
        for name, x in content.items()
    }
    assert rdz_size(entries, rdz_files.METADATA) == (tmp_path / "file").stat().st_size


def test_it_is_a_safetensors_file(tmp_path):
    reference = pytest.importorskip("safetensors")
    found = dict(reference.deserialize(WHOLE["huffman"]))
    _, _, contents = rdz_files.parts(WHOLE["huffman"])
    assert found.keys() == {"data", "index"}
    assert bytes(found["data"]["data"]) == b"".join(contents[name] for name in sorted(contents))
    (tmp_path / "file").write_bytes(WHOLE["huffman"])
    with TensorFile(tmp_path / "file") as file:
        assert json.loads(file.metadata["rdz"]) == {"version": 2}
        assert file.metadata["rdz_sha256"] == hashlib.sha256(bytes(found["index"]["data"])).hexdigest()
