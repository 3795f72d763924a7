"""Lies about factors and zeros, all digests right: the right tensors or a ValueError, in bounded memory."""

import dataclasses

import numpy as np
import pytest
import rdz_files
from hypothesis import given, settings
from hypothesis import strategies as st
from spoilt_files import refused_or_sound

from ratedist.container.rdz_index import decode_index, encode_index

WHOLE = {}


@pytest.fixture(scope="module", autouse=True)
def whole_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    for coder in ("huffman", "ans"):
        try:
            WHOLE[coder] = rdz_files.write(folder / coder, coder, rdz_files.forms())
        except ValueError:
            WHOLE[coder] = WHOLE["huffman"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("spoilt") / "file.rdz"


coders = st.sampled_from(["huffman", "ans"])


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(coders, st.integers(0), st.integers(1, 255))
def test_any_changed_byte(path, coder, position, change):
    content = bytearray(WHOLE[coder])
    content[position % len(content)] ^= change
    assert refused_or_sound(path, bytes(content)) is not None


@settings(deadline=None, max_examples=25)
@given(coders, st.integers(0), st.integers(0, 20), st.binary(max_size=20))
def test_splices(path, coder, position, removed, inserted):
    content = WHOLE[coder]
    position %= len(content)
    spliced = content[:position] + inserted + content[position + removed :]
    assert spliced == content or refused_or_sound(path, spliced) is not None


SHAPES = st.lists(st.integers(0, 90), min_size=1, max_size=3).map(tuple)
CODE = {
    "coded_bytes": st.integers(0, 100),
    "codebook_dtype": st.sampled_from(["float32", "float16", "bfloat16"]),
    "codebook_shape": st.lists(st.integers(0, 9), min_size=1, max_size=2).map(tuple),
    "counts_dtype": st.sampled_from(["U8", "U16", "U64", "I8", "F16", "F4"]),
    "coder": coders,
}
ZEROS = {
    "marks_zeros": st.booleans(),
    "coder": coders,
    "coded_bytes": st.integers(0, 100),
    "longest_run": st.integers(0, 70_000),
    "counts_dtype": CODE["counts_dtype"],
}


def lie_about(form, data):
    """The form with one of its fields, or of its codes, changed."""
    fields = {"left", "right"} if form.kind == "factored" else {"values", *ZEROS}
    field = data.draw(st.sampled_from(sorted(fields)))
    if field in ZEROS:
        return dataclasses.replace(form, **{field: data.draw(ZEROS[field])})
    code = getattr(form, field)
    what = data.draw(st.sampled_from(["shape", *CODE]))
    if what == "shape":
        shape = st.tuples(*[st.integers(0, 90) for _ in code.shape])
        value = data.draw(shape)
    else:
        value = data.draw(CODE[what])
    return dataclasses.replace(form, **{field: dataclasses.replace(code, **{what: value})})


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(coders, st.data())
def test_lies_with_the_right_digests(path, coder, data):
    metadata, entries, contents = rdz_files.parts(WHOLE[coder])
    for _ in range(data.draw(st.integers(1, 2))):
        name = data.draw(st.sampled_from([name for name in sorted(entries) if entries[name].form]))
        entry, how = entries[name], data.draw(st.sampled_from(["form", "shape", "bytes"]))
        if how == "form":
            entries[name] = dataclasses.replace(entry, form=lie_about(entry.form, data))
        elif how == "shape":
            entries[name] = dataclasses.replace(entry, shape=data.draw(SHAPES))
        else:
            changed = bytearray(contents[name])
            position = data.draw(st.integers(0, len(changed)))
            changed[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
            contents[name] = bytes(changed)
    complaint = refused_or_sound(path, rdz_files.signed(metadata, entries, contents))
    assert complaint is None or "\n" not in complaint


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(coders, st.integers(0), st.binary(max_size=4), st.integers(0, 4))
def test_any_index_of_bytes(coder, position, inserted, removed):
    """Whatever the index: decoded to what encodes to it again, or refused."""
    metadata, entries, contents = rdz_files.parts(WHOLE[coder])
    index, size = encode_index(metadata, entries), sum(map(len, contents.values()))
    position %= len(index)
    changed = index[:position] + inserted + index[position + removed :]
    try:
        decoded = decode_index(changed, 100, size)
    except ValueError:
        return
    assert encode_index(*decoded) == changed or b"\xf8\x7f" in changed  # NaN of another kind


def lied(name, shape=None, bytes_of=None, **changes):
    """A form with other fields; ``left__coder`` is the coder of the left factor."""

    def spoil(metadata, entries, contents):
        form = entries[name].form
        for key, value in changes.items():
            field, _, inner = key.partition("__")
            value = dataclasses.replace(getattr(form, field), **{inner: value}) if inner else value
            form = dataclasses.replace(form, **{field: value})
        entries[name] = dataclasses.replace(entries[name], shape=shape or entries[name].shape, form=form)
        if bytes_of is not None:
            contents[name] = bytes_of(contents[name])

    return spoil


def in_index(before, after):
    """Bytes of the index replaced by others where they come first, signed again."""

    def spoil(metadata, entries, contents):
        index = encode_index(metadata, entries)
        assert before in index
        body = b"".join(contents[name] for name in sorted(contents))
        return rdz_files.with_index(index.replace(before, after, 1), body, 3)

    return spoil


def of_version(version, *names):
    def spoil(metadata, entries, contents):
        entries = {name: entries[name] for name in names}
        body = b"".join(contents[name] for name in sorted(names))
        return rdz_files.with_index(encode_index(metadata, entries), body, version)

    return spoil


NAN = np.array(np.nan, np.float32).tobytes()
# Behind the digest of "factored": kind 3, o = 8, r = 3, and the code of the left factor; behind that of
# "pruned": kind 4, 13 weights kept, coder, U8, A.
FACTORS, RUNS = b"\x03\x08\x03\x01\x0b\x01\x05\x00", b"\x04\x0d\x01\x01\x04"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (in_index(FACTORS, b"\x03\x08\x00" + FACTORS[3:]), "no product of factors of shapes"),  # rank 0
        (in_index(FACTORS, b"\x03\x08\x07" + FACTORS[3:]), "no product of factors"),  # rank 7 of 8 × 6
        (in_index(FACTORS, b"\x03\x00\x03" + FACTORS[3:]), "make no matrix of 0 rows"),
        (in_index(FACTORS, b"\x03\x07\x03" + FACTORS[3:]), "make no matrix of 7 rows"),
        (in_index(FACTORS, b"\x03\x08\x03\x00" + FACTORS[4:]), "has 'raw' in the place of a coder"),
        (in_index(FACTORS, b"\x03\x08\x03\x03" + FACTORS[4:]), "has 'factored' in the place of a coder"),
        (in_index(FACTORS, b"\x07\x08\x03" + FACTORS[3:]), "not that of a quantised tensor"),
        (in_index(FACTORS, b"\x03\x08\x03\x05" + FACTORS[4:]), "kinds that version 3 is not written for"),
        (in_index(FACTORS, b"\x03" + b"\xff" * 8 + b"\x7f\x01" + FACTORS[3:]), "make no matrix of"),
        (in_index(FACTORS, b"\x03\x08" + b"\xff" * 8 + b"\x7f" + FACTORS[3:]), "no product of factors"),
        (lied("factored", shape=(8, 7)), "do not add up to the 21 labels"),
        (lied("factored", shape=(0, 6)), "no product of factors"),
        (lied("factored", shape=(8, 10**12)), "claims 8000000000000 weights"),
        (lied("factored", shape=(2**40, 2**40)), "too large"),
        (lied("factored", left__coded_bytes=10**9), "100000.* bytes of code"),
        (lied("factored", left__codebook_shape=(0,)), "do not belong together"),
        (lied("factored", right__codebook_shape=(70_000,)), "do not belong together"),
        (lied("factored", right__counts_dtype="I8"), "do not belong together"),
        (
            lied("factored", bytes_of=lambda data: data.replace(np.float32(0.75).tobytes(), NAN)),
            "must be finite",
        ),
        (lied("factored", bytes_of=lambda data: data[:-1] + b"\xff"), "do not add up to the 18 labels"),
        (lied("factored", bytes_of=lambda data: data[:-3]), "belong to no tensor|claims"),
        (lied("one", shape=(2**30, 2)), "2147483648 weights of 'one' make no matrix of 2000 rows"),
        (in_index(RUNS, b"\x04\x00" + RUNS[2:]), "runs and values of 'pruned' do not belong together"),
        (in_index(RUNS, b"\x04\x5a" + RUNS[2:]), "runs and values of 'pruned' do not belong together"),
        (in_index(RUNS, b"\x04\x0c" + RUNS[2:]), "12 of them marked|do not add up"),
        (in_index(RUNS, b"\x04\x0d\x03" + RUNS[3:]), "kinds that version 3 is not written for"),
        (in_index(RUNS, b"\x04\x0d\x00" + RUNS[3:]), "has 'raw' in the place of a coder"),
        (in_index(RUNS, b"\x04\x0d\x09" + RUNS[3:]), "not that of a pruned tensor"),
        (in_index(RUNS, b"\x04\x0d\x05" + RUNS[3:]), "77 of them marked"),  # marks are the zeros
        (in_index(RUNS, b"\x04\x0d\x01\x0b" + RUNS[4:]), "do not belong together"),  # counts of F32
        (in_index(RUNS, b"\x04\x0d\x01\x01\x00" + RUNS[5:]), "do not belong together"),  # A = 0
        (lied("pruned", longest_run=2**16), "do not belong together"),
        (lied("pruned", shape=(90, 10**9)), "claims 90000000000 weights"),
        (lied("pruned", shape=(9, 11)), "runs are not of 99 places"),
        (lied("pruned", values__dtype="F16"), None),
        (lied("pruned blocks", shape=(5, 2000)), "claims 10000 weights|belong to no tensor|in its"),
        (of_version(2, "factored", "scalar"), "kinds that version 2 is not written for"),
        (of_version(3, "plain", "scalar"), "kinds that version 3 is not written for"),
        (of_version(4, "factored"), "of kinds that version 4 is not written for"),
        (of_version(5, "factored"), "of kinds that version 5 is not written for"),
        (of_version(6, "factored"), "its version is 6, this reader knows 1 to 5"),
    ],
)
def test_what_a_liar_is_told(path, spoil, message):
    metadata, entries, contents = rdz_files.parts(WHOLE["huffman"])
    content = spoil(metadata, entries, contents) or rdz_files.signed(metadata, entries, contents)
    found = refused_or_sound(path, content)
    if message is None:  # what the index does not keep
        assert found is None
    else:
        with pytest.raises(ValueError, match=message):
            raise ValueError(found)


def test_runs_that_end_elsewhere(path):
    """The same symbols in another order: as many of each, but the last run has no end."""
    from ratedist.codes.bitstream import huffman_encode
    from ratedist.codes.runs import run_symbols

    metadata, entries, contents = rdz_files.parts(WHOLE["huffman"])
    tensor = rdz_files.forms()["pruned"]
    symbols = run_symbols(tensor.kept, 4)
    counts = np.bincount(symbols, minlength=5)
    right, wrong = (huffman_encode(one, counts) for one in (symbols, np.roll(symbols, -symbols.argmax() - 1)))
    assert contents["pruned"].startswith(right)
    contents["pruned"] = wrong + contents["pruned"][len(right) :]
    assert "tensor 'pruned': the last run has no end" in refused_or_sound(
        path, rdz_files.signed(metadata, entries, contents)
    )


def test_few_bytes_are_not_many_weights(path):
    """Factors of constants cost nothing, so their product is what a small file could fill memory with."""
    metadata, entries, contents = rdz_files.parts(WHOLE["huffman"])
    one = entries["one"]
    left = dataclasses.replace(one.form.left, shape=(2000, 1), codebook_shape=(1,), coded_bytes=0)
    right = dataclasses.replace(
        left, shape=(1, 2000), codebook_dtype=left.codebook_dtype, counts_dtype=left.counts_dtype
    )
    form = dataclasses.replace(one.form, left=left, right=right)
    factor = bytes(2) + np.float32(1).tobytes() + np.uint16(2000).tobytes()
    size = sum((*left.part_bytes, *right.part_bytes))
    for filling in (0, 2000 * 2000 // 1024 - size, -(-2000 * 2000 // 1024) - size):
        entries["one"] = dataclasses.replace(one, shape=(2000, 2000), form=form)
        contents["one"] = 2 * factor + bytes(filling)
        found = refused_or_sound(path, rdz_files.signed(metadata, entries, contents))
        assert (found is None) == (filling == entries["one"].part_bytes[-1])
