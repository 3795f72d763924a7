"""Lies about tensors along trellises, all digests right: sound tensors or a ValueError, in bounded memory."""

import dataclasses

import numpy as np
import pytest
import rdz_files
from hypothesis import given, settings
from hypothesis import strategies as st
from spoilt_files import everything, refused_or_sound

from ratedist.codes.bitstream import huffman_encode
from ratedist.container.rdz_bytes import number_bytes
from ratedist.container.rdz_index import decode_index, encode_index

WHOLE = {coder: (rdz_files.GOLDEN / f"version5_{coder}.rdz").read_bytes() for coder in ("huffman", "ans")}
NAMES = [name for name, one in rdz_files.trellises().items() if hasattr(one, "symbols")]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("spoilt") / "file.rdz"


coders = pytest.mark.parametrize("coder", ["huffman", "ans"])


@coders
@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(st.integers(0), st.integers(1, 255))
def test_any_changed_byte(path, coder, position, change):
    content = bytearray(WHOLE[coder])
    content[position % len(content)] ^= change
    assert refused_or_sound(path, bytes(content)) is not None


@pytest.mark.slow
@coders
def test_every_changed_byte(path, coder):
    for position in range(len(WHOLE[coder])):
        content = bytearray(WHOLE[coder])
        content[position] ^= 1 + position % 255
        assert refused_or_sound(path, bytes(content)) is not None, position


FIELDS = {
    "num_states": st.sampled_from([0, 1, 2, 4, 8, 16, 12, 256, 512, 2**40]),
    "num_levels": st.tuples(st.integers(0, 9), st.integers(0, 9)),
    "level_dtype": st.sampled_from(["F16", "BF16", "F32", "F64", "U8", "F4"]),
    "stream_coders": st.sampled_from(["huffman", "packed", "ans"]),
    "stream_bytes": st.integers(0, 100),
    "count_bytes": st.integers(0, 100),
}
SHAPES = st.lists(st.integers(0, 90), max_size=3).map(tuple)


def lie_about(form, data):
    """The form with one of its fields changed; of streams one of them."""
    field = data.draw(st.sampled_from(sorted(FIELDS)))
    value = data.draw(FIELDS[field])
    if field.startswith("stream"):
        of_streams = list(getattr(form, field))
        of_streams[data.draw(st.integers(0, len(of_streams) - 1))] = value
        value = tuple(of_streams)
    return dataclasses.replace(form, **{field: value})


@coders
@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(st.data())
def test_lies_with_the_right_digests(path, coder, data):
    metadata, entries, contents = rdz_files.parts(WHOLE[coder])
    name = data.draw(st.sampled_from(NAMES))
    for _ in range(data.draw(st.integers(1, 2))):
        how = data.draw(st.sampled_from(["form", "shape", "bytes"]))
        if how == "form":
            form = lie_about(entries[name].form, data)
            entries[name] = dataclasses.replace(entries[name], form=form)
        elif how == "shape":
            entries[name] = dataclasses.replace(entries[name], shape=data.draw(SHAPES))
        else:
            changed = bytearray(contents[name])
            position = data.draw(st.integers(0, len(changed)))
            changed[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
            contents[name] = bytes(changed)
    content = rdz_files.signed(metadata, {name: entries[name]}, {name: contents[name]})
    assert "MORE" not in (refused_or_sound(path, content) or "")


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(st.integers(0), st.binary(max_size=4), st.integers(0, 4))
def test_any_index_of_bytes(position, inserted, removed):
    """Whatever the index: decoded to what encodes to it again, or refused."""
    metadata, entries, contents = rdz_files.parts(WHOLE["huffman"])
    index, size = encode_index(metadata, entries), sum(map(len, contents.values()))
    position %= len(index) + 1
    changed = index[:position] + inserted + index[position + removed :]
    try:
        found = decode_index(changed, 0, size)
    except ValueError:
        return
    assert encode_index(*found) == changed


def eight(**changes):
    """The tensor "eight" by its parts, some of them changed, as the content of a file."""
    metadata, entries, contents = rdz_files.parts(WHOLE["huffman"])
    form, data = entries["eight"].form, contents["eight"]
    names = ("zero", "one", "filling", "levels", "branches", "counts")
    parts, position = {}, 0
    for name, size in zip(names, form.part_bytes(90), strict=True):
        parts[name] = data[position : position + size]
        position += size
    fields = {key: value for key, value in changes.items() if key not in parts and key != "shape"}
    parts |= {key: value(parts[key]) for key, value in changes.items() if key in parts}
    form = dataclasses.replace(
        form,
        **{"stream_bytes": (len(parts["zero"]), len(parts["one"])), "count_bytes": len(parts["counts"])}
        | fields,
    )
    entry = dataclasses.replace(entries["eight"], form=form, shape=changes.get("shape", (9, 10)))
    return rdz_files.signed(metadata, {"eight": entry}, {"eight": b"".join(parts.values())})


SYMBOLS = rdz_files.trellises()["eight"].symbols
COUNTS = np.bincount(SYMBOLS, minlength=7)
FIRST = SYMBOLS[SYMBOLS < 4]


def coded(labels):
    return lambda _: huffman_encode(labels, np.bincount(labels, minlength=4))


def numbers(*values):
    return lambda _: b"".join(map(number_bytes, values))


def moved(_):
    """A label of union 1 in the counts of union 0: streams of other lengths, as many weights."""
    return numbers(*(COUNTS[:3]), COUNTS[3] + 1, COUNTS[4] - 1, *COUNTS[5:])(_)


NAN, INFINITE = (np.array(x, np.float32).tobytes() for x in (np.nan, np.inf))


def test_the_parts_make_the_tensor(path):
    found = everything(path, eight())["eight"]
    assert rdz_files.same(found, rdz_files.trellises()["eight"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_states": 12}, "12 states, which is not one of 4, 8, 16"),
        ({"num_states": 2}, "2 states"),
        ({"num_states": 512}, "512 states"),
        ({"num_states": 2**60}, "states"),
        ({"num_states": 4}, "stream 0 ends too early"),
        ({"num_levels": (0, 7)}, "do not belong together"),
        ({"num_levels": (7, 0)}, "do not belong together"),
        ({"num_levels": (3, 4)}, "does not decode|the counts imply|do not fill|too early"),
        ({"num_levels": (2**40, 3)}, "do not belong together|ends too early"),
        ({"level_dtype": "U8"}, "do not belong together"),
        ({"level_dtype": "F64"}, "claims|belong to no tensor"),
        ({"stream_coders": ("huffman", "ans")}, "ANS payload|constriction"),
        ({"stream_coders": ("packed", "huffman")}, "the counts imply|Huffman code"),
        ({"stream_bytes": (10**9, 1)}, "claims 90 weights and 1000000001 bytes of code"),
        ({"zero": lambda code: code[:-1]}, "the counts imply|do not fill"),
        ({"zero": lambda code: code + b"\0"}, "the counts imply|do not fill"),
        ({"zero": coded(FIRST[::-1])}, "stream 1 ends too early"),
        ({"filling": lambda _: b"\1"}, "belong to no tensor|claims"),
        ({"levels": lambda raw: NAN + raw[4:]}, "finite"),
        ({"levels": lambda raw: raw[:-4] + INFINITE}, "finite"),
        ({"levels": lambda raw: raw[:-4]}, "claims|belong to no tensor"),
        ({"branches": lambda raw: bytes([raw[0] | 1])}, "bits behind the branches"),
        ({"branches": lambda raw: raw + b"\0"}, "claims|belong to no tensor"),
        ({"branches": lambda raw: bytes([raw[0] ^ 0b11110000])}, "ends too early"),
        ({"counts": moved}, "the counts imply|does not decode|too early"),
        ({"counts": numbers(*COUNTS[:6], COUNTS[6] + 1)}, "add up to the 90 labels"),
        ({"counts": numbers(*COUNTS[:6], 2**62)}, "add up to the 90 labels"),
        ({"counts": numbers(*[2**62] * 7)}, "add up to the 90 labels"),
        ({"counts": numbers(0, *COUNTS[1:6], COUNTS[6] + COUNTS[0])}, "above zero|as they should be"),
        ({"counts": lambda raw: raw[:-1]}, "do not belong together"),
        ({"counts": lambda raw: raw + b"\0"}, "add up to the 90 labels"),
        ({"counts": lambda raw: raw[:-1] + b"\x80\x00"}, "not written as they should be"),
        ({"shape": (9, 11)}, "add up to the 99 labels"),
        ({"shape": (6,)}, "do not belong together"),
        ({"shape": (0,)}, "do not belong together"),
        ({"shape": (10**6, 10**6)}, "claims 1000000000000 weights"),
        ({"shape": (2**40, 2**40)}, "too large"),
    ],
)
def test_what_a_liar_is_told(path, changes, message):
    with pytest.raises(ValueError, match=message):
        raise ValueError(refused_or_sound(path, eight(**changes)) or "")


def test_streams_that_end_before_the_states_say_so(path):
    """Counts and codes agree, and both streams together are as long as the tensor: the path tells."""
    one = SYMBOLS[SYMBOLS >= 4] - 4
    short, long = FIRST[:-3], np.append(one, [0, 1, 2])
    counts = (*np.bincount(short, minlength=4), *np.bincount(long))
    content = eight(zero=coded(short), one=coded_of(long), counts=numbers(*counts))
    with pytest.raises(ValueError, match=r"tensor 'eight': stream \d ends too early"):
        everything(path, content)


def coded_of(labels):
    return lambda _: huffman_encode(labels, np.bincount(labels))


def test_a_small_file_cannot_claim_much(path):
    """A byte for every 1024 weights has to be there, in streams or in the filling of zeros."""
    metadata, entries, contents = rdz_files.parts(WHOLE["huffman"])
    entry, data = entries["constant"], contents["constant"]
    assert entry.part_bytes[:3] == (0, 0, 5)
    for shape, filling, message in (
        ((5120,), bytes(5), None),
        ((5121,), bytes(5), "claims 5121 weights|belong to no tensor"),
        ((5000,), b"\0\0\1\0\0", "the filling behind the labels is not of zeros"),
    ):
        table = number_bytes(shape[0])
        form = dataclasses.replace(entry.form, count_bytes=len(table))
        changed = dataclasses.replace(entry, shape=shape, form=form)
        content = filling + data[5:-2] + table
        file = rdz_files.signed(metadata, {"constant": changed}, {"constant": content})
        complaint = refused_or_sound(path, file)
        assert (complaint is None) == (message is None)
        if message is not None:
            with pytest.raises(ValueError, match=message):
                raise ValueError(complaint)


def test_an_unknown_kind_is_told_by_the_version(path):
    metadata, entries, contents = rdz_files.parts(WHOLE["huffman"])
    one = {"eight": entries["eight"]}
    content = rdz_files.with_index(encode_index(metadata, one), contents["eight"], 4)
    assert "kinds that version 4 is not written for" in refused_or_sound(path, content)
