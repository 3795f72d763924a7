import json
import re

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.container import Entry, TensorFile, encode_header, write_tensor_file
from ratedist.container.dtypes import DTYPES, dtype_name, to_bytes

reference = pytest.importorskip("safetensors")

SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)
TENSORS = st.dictionaries(
    st.text(min_size=1, max_size=8), st.tuples(st.sampled_from(list(DTYPES)), SHAPES), max_size=5
)
METADATA = st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2)


def filled(dtype, shape):
    size = int(np.prod(shape))
    return (np.arange(size) % 2).astype(DTYPES[dtype]).reshape(shape)


def write(path, tensors, metadata=None):
    entries = {name: Entry(dtype_name(x.dtype), x.shape) for name, x in tensors.items()}
    write_tensor_file(path, entries, encode_header(entries, metadata), lambda name: [to_bytes(tensors[name])])


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(TENSORS, METADATA)
def test_reference_library_reads_the_same(tmp_path_factory, specification, metadata):
    path = tmp_path_factory.mktemp("files") / "model.safetensors"
    tensors = {name: filled(*what) for name, what in specification.items()}
    write(path, tensors, metadata)
    found = {
        name: (entry["dtype"], entry["shape"], bytes(entry["data"]))
        for name, entry in reference.deserialize(path.read_bytes())
    }
    assert found == {
        name: (dtype_name(x.dtype), list(x.shape), bytes(to_bytes(x))) for name, x in tensors.items()
    }
    with reference.safe_open(path, "np") as file:
        assert (file.metadata() or {}) == metadata
    with TensorFile(path) as file:
        assert file.metadata == metadata
        assert file.entries.keys() == tensors.keys()
        for name, x in tensors.items():
            read = file.read(name)
            assert (read.dtype, read.shape) == (x.dtype, x.shape)
            assert read.tobytes() == x.tobytes()
            assert b"".join(file.chunks(name)) == bytes(to_bytes(x))


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(TENSORS, METADATA)
def test_reads_what_the_reference_library_writes(tmp_path_factory, specification, metadata):
    path = tmp_path_factory.mktemp("files") / "model.safetensors"
    tensors = {name: filled(*what) for name, what in specification.items() if what[0] not in ("C64", "BOOL")}
    content = reference.serialize(
        {
            name: reference.TensorSpec(
                dtype=x.dtype.name, shape=x.shape, data_ptr=x.ctypes.data, data_len=x.nbytes
            )
            for name, x in tensors.items()
        },
        metadata=metadata or None,
    )
    path.write_bytes(content)
    with TensorFile(path) as file:
        assert file.entries.keys() == tensors.keys()
        for name, x in tensors.items():
            assert file.read(name).tobytes() == x.tobytes()


def test_order_of_tensors_does_not_matter(tmp_path):
    tensors = {"b": np.ones(3, np.float32), "a": np.zeros(5, np.uint8), "c": np.ones(2, ml_dtypes.bfloat16)}
    write(tmp_path / "one", tensors)
    write(tmp_path / "two", dict(reversed(tensors.items())))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with TensorFile(tmp_path / "one") as file:
        assert all(entry.start % DTYPES[entry.dtype].itemsize == 0 for entry in file.entries.values())


def raw(header, data=b"", length=None):
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(encoded) if length is None else length).to_bytes(8, "little") + encoded + data


def one(dtype="U8", shape=(2,), offsets=(0, 2)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


BAD = {
    "empty": b"",
    "too short for a length": b"\x02\0\0",
    "length beyond the file": raw(b"{}", length=100),
    "length of 2^63": raw(b"{}", length=1 << 63),
    "no JSON": raw(b"{x"),
    "no UTF-8": raw(b'{"\xff":1}'),
    "no object": raw(b"[]"),
    "a number": raw(b"1e999"),
    "deep nesting": raw(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "half a surrogate": raw(b'{"\\ud800":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"ab"),
    "names twice": raw(
        b'{"a":' + json.dumps(one()).encode() + b',"a":' + json.dumps(one()).encode() + b"}", b"ab"
    ),
    "half a byte": raw({"a": one("F4", (3,))}, b"ab"),
    "another size of packed values": raw({"a": one("F6_E2M3", (4,))}, b"ab"),
    "a number that is not one": raw(b'{"a":{"dtype":"U8","shape":[NaN],"data_offsets":[0,2]}}', b"ab"),
    "dtype of another type": raw({"a": {**one(), "dtype": ["U8"]}}, b"ab"),
    "negative size": raw({"a": one(shape=(-2,))}, b"ab"),
    "size that is true": raw({"a": {**one(), "shape": [2, True]}}, b"ab"),
    "fraction": raw({"a": {**one(), "shape": [2.0]}}, b"ab"),
    "shape too large": raw({"a": one(shape=(1 << 40, 1 << 40, 0), offsets=(0, 0))}),
    "many dimensions": raw({"a": one(shape=(1,) * 33, offsets=(0, 1))}, b"a"),
    "field missing": raw({"a": {"dtype": "U8", "shape": [2]}}, b"ab"),
    "field too many": raw({"a": {**one(), "x": 1}}, b"ab"),
    "another size": raw({"a": one(shape=(3,))}, b"ab"),
    "hole": raw({"a": one(offsets=(1, 3))}, b"abc"),
    "overlap": raw({"a": one(), "b": one(offsets=(1, 3))}, b"abc"),
    "data too long": raw({"a": one()}, b"abc"),
    "data too short": raw({"a": one()}, b"a"),
    "metadata not strings": raw({"__metadata__": {"a": 1}, "a": one()}, b"ab"),
    "metadata no object": raw({"__metadata__": "a", "a": one()}, b"ab"),
}


@pytest.mark.parametrize("name", BAD)
def test_broken_files(tmp_path, name):
    (tmp_path / "file").write_bytes(BAD[name])
    with pytest.raises(ValueError, match="is not a valid safetensors file") as caught:
        TensorFile(tmp_path / "file")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(st.data())
def test_accepts_only_what_the_reference_accepts(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("files") / "file"
    whole = bytearray(
        raw({"a": one(), "b": one("F16", (2, 1), (2, 6)), "__metadata__": {"k": "v"}}, b"abcdef")
    )
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(32, 126))
    path.write_bytes(whole)
    try:
        with TensorFile(path) as file:
            found = {name: bytes(to_bytes(file.read(name))) for name in file.entries}
    except ValueError:
        return
    assert found == {name: bytes(entry["data"]) for name, entry in reference.deserialize(bytes(whole))}


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read .*: No such file"):
        TensorFile(tmp_path / "none")
    with pytest.raises(ValueError, match=r"cannot read .*: it is a folder"):
        TensorFile(tmp_path)


@pytest.mark.parametrize("dtype", ["F4", "F6_E2M3", "F6_E3M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"])
def test_dtypes_of_few_bits_against_the_reference_library(tmp_path, dtype):
    """All of 24 bytes: the reference library reads what we write, and we what it accepts."""
    size = 24 * 8 // int(dtype.split("_")[0][1:])
    entries = {"a": Entry(dtype, (2, size // 2)), "b": Entry("F32", (1,))}
    data = {"a": bytes(range(24)), "b": bytes(4)}
    write_tensor_file(tmp_path / "file", entries, encode_header(entries), lambda name: [data[name]])
    whole = (tmp_path / "file").read_bytes()
    found = {
        name: (x["dtype"], tuple(x["shape"]), bytes(x["data"])) for name, x in reference.deserialize(whole)
    }
    assert found == {name: (entry.dtype, entry.shape, data[name]) for name, entry in entries.items()}
    with TensorFile(tmp_path / "file") as file:
        assert bytes(file.read_bytes("a")) == data["a"]
        if dtype.startswith("F8"):
            assert file.read("a").tobytes() == data["a"]
        else:
            with pytest.raises(ValueError, match=f"values of {dtype} are packed"):
                file.read("a")


def test_dtypes_that_nobody_knows(tmp_path):
    (tmp_path / "file").write_bytes(raw({"a": one("F3_E1M1")}, b"ab"))
    with pytest.raises(ValueError, match="cannot be read by this version: the dtype 'F3_E1M1' of 'a'"):
        TensorFile(tmp_path / "file")


def test_unknown_names(tmp_path):
    write(tmp_path / "file", {"a": np.zeros(2)})
    with TensorFile(tmp_path / "file") as file, pytest.raises(ValueError, match="has no tensor 'b'"):
        file.read("b")


def test_nothing_is_left_of_a_failure(tmp_path):
    (tmp_path / "file").write_bytes(b"before")
    entries = {"a": Entry("U8", (3,))}
    with pytest.raises(ValueError, match="have not the size"):
        write_tensor_file(tmp_path / "file", entries, encode_header(entries), lambda _: [b"ab"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"before"
    with pytest.raises(ValueError, match="it is a folder"):
        write_tensor_file(tmp_path, entries, encode_header(entries), lambda _: [b"abc"])
    with pytest.raises(ValueError, match=re.escape("no tensor can have the name '__metadata__'")):
        encode_header({"__metadata__": Entry("U8", (3,))})
    with pytest.raises(ValueError, match=r"UTF-8 can hold, got '.*.udc80'"):
        encode_header(entries, {"author": "\udc80"})
