"""Whatever the bytes: the right tensors or a ValueError, and no more memory than the file justifies."""

import copy
import tracemalloc

import numpy as np
import pytest
import rdz_files
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.container import RdzFile

WHOLE = {}


@pytest.fixture(scope="module", autouse=True)
def whole_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    WHOLE["huffman"] = rdz_files.write(folder / "huffman", "huffman")
    WHOLE["version 1, huffman"] = (rdz_files.GOLDEN / "version1_huffman.rdz").read_bytes()
    try:
        WHOLE["ans"] = rdz_files.write(folder / "ans", "ans")
        WHOLE["version 1, ans"] = (rdz_files.GOLDEN / "version1_ans.rdz").read_bytes()
    except ValueError:
        WHOLE["ans"], WHOLE["version 1, ans"] = WHOLE["huffman"], WHOLE["version 1, huffman"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("spoilt") / "file.rdz"


def everything(path, content):
    path.write_bytes(content)
    with RdzFile(path) as file:
        file.verify()
        return dict(file.read_many(file.entries))


def error_or_identical(path, content):
    """Whether the file was refused; the test fails if it was read as something else."""
    try:
        found = everything(path, content)
    except ValueError as error:
        message = str(error)
    else:
        message = None
    if message is not None:
        assert "\n" not in message
        return True
    expected = rdz_files.tensors()
    assert found.keys() == expected.keys()
    assert all(rdz_files.same(found[name], expected[name]) for name in expected)
    return False


kinds = st.sampled_from(["huffman", "ans", "version 1, huffman", "version 1, ans"])
version1 = st.sampled_from(["version 1, huffman", "version 1, ans"])


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(kinds, st.integers(0), st.integers(1, 255))
def test_any_changed_byte(path, kind, position, change):
    content = bytearray(WHOLE[kind])
    content[position % len(content)] ^= change
    assert error_or_identical(path, bytes(content))


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(kinds, st.integers(0))
def test_truncation(path, kind, length):
    assert error_or_identical(path, WHOLE[kind][: length % len(WHOLE[kind])])


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(kinds, st.integers(0), st.integers(0, 20), st.binary(max_size=20))
def test_splices(path, kind, position, removed, inserted):
    content = WHOLE[kind]
    position %= len(content)
    error_or_identical(path, content[:position] + inserted + content[position + removed :])


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=300))
def test_noise(path, content):
    assert error_or_identical(path, content)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70),
    st.integers(2**31, 2**64),
    st.floats(),
    st.sampled_from(["huffman", "ans", "F16", "BF16", "F32", "F64", "I8", "", "x"]),
    st.lists(st.one_of(st.integers(-1, 80), st.integers(2**31, 2**70)), max_size=3),
)


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(st.data())
def test_lies_in_version_1_with_the_right_digests(path, data):
    """Descriptions and data changed at will, all SHA-256 made to fit: read as something sound or refused."""
    description, arrays = rdz_files.taken_apart(WHOLE[data.draw(version1)])
    for _ in range(data.draw(st.integers(1, 2))):
        name = data.draw(st.sampled_from(list(description["tensors"])))
        fields = description["tensors"][name]
        parts = [kind + name for kind in rdz_files.KINDS if kind + name in arrays]
        if len(fields) > 1 and data.draw(st.booleans()):
            fields[data.draw(st.sampled_from([*fields, "more"]))] = data.draw(VALUES)
        elif parts:
            part = data.draw(st.sampled_from(parts))
            changed = arrays[part].copy().reshape(-1)
            how = data.draw(st.sampled_from(["byte", "drop", "double", "dtype"]))
            if how == "byte" and changed.size:
                view = changed.view(np.uint8)
                view[data.draw(st.integers(0, view.size - 1))] = data.draw(st.integers(0, 255))
                changed = changed.reshape(arrays[part].shape)
            elif how == "drop":
                changed = changed[: data.draw(st.integers(0, changed.size))]
            elif how == "double":
                changed = np.concatenate([changed, changed])
            elif how == "dtype":
                changed = changed.view(data.draw(st.sampled_from([np.uint8, np.int8])))
            arrays[part] = changed
    content = rdz_files.put_together(description, arrays)
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
    # 1024 weights a byte of labels, each a byte of label and up to eight of reconstruction; 2 MB for tables.
    assert peak < 2e6 + 1024 * 10 * len(content)


def spoilt(change):
    description, arrays = rdz_files.taken_apart(WHOLE["version 1, huffman"])
    description, arrays = copy.deepcopy(description), dict(arrays)
    change(description, arrays)
    return rdz_files.put_together(description, arrays)


def shape(*lengths):
    def change(description, arrays):
        description["tensors"]["scalar"]["shape"] = list(lengths)

    return change


def constant_of(size):
    def change(description, arrays):
        description["tensors"]["constant"]["shape"] = [size]
        arrays["counts/constant"] = np.array([size], np.uint64)

    return change


def counts(*values):
    def change(description, arrays):
        arrays["counts/scalar"] = np.array(values, np.uint64)

    return change


def version(number):
    def change(description, arrays):
        description["version"] = number

    return change


def setting(name, field, value):
    def change(description, arrays):
        description["tensors"][name][field] = value

    return change


def dropping(part):
    return lambda description, arrays: arrays.pop(part)


def extra(description, arrays):
    arrays["raw/more"] = np.zeros(3)


def no_tensors(description, arrays):
    description["tensors"] = []


def wide_codebook(description, arrays):
    # Two rows of 20,000 coordinates would justify that many weights a label, not a byte of the file.
    description["tensors"]["scalar"]["shape"] = [60 * 20_000]
    arrays["codebook/scalar"] = np.zeros((5, 20_000), np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shape(10**12), "claims 1000000000000 weights"),
        (shape(2**62), "too large"),
        (shape(10**10, 10**10), "too large"),
        (shape(0, 60), "claims 0 weights|do not add up to the 0 labels"),
        (shape(61), "do not add up to the 61 labels"),
        (shape(*[1] * 40), "has 40 dimensions, more than 32"),
        (constant_of(10**12), "claims 1000000000000 weights"),
        (constant_of(4000), "claims 4000 weights"),
        (wide_codebook, "claims 1200000 weights"),
        (counts(60, 0, 0, 0, 2**64 - 1), "do not add up"),
        (counts(2**63, 2**63, 60, 0, 0), "do not add up"),
        (counts(30, 30, 0, 0, 0), "Huffman code"),
        (counts(60, 0, 0), "do not belong together"),
        (version(6), "version is 6, this reader knows 1 to 5"),
        (version(2), "does not consist of data and index"),
        (version("1"), "version is '1'"),
        (version(True), "version is True"),
        (version(1.0), "version is 1.0"),
        (version(None), "version is None"),
        (setting("scalar", "coder", "zip"), "not that of a quantised tensor"),
        (setting("scalar", "coder", "packed"), "not that of a quantised tensor"),
        (setting("scalar", "dtype", "I32"), "not that of a quantised tensor"),
        (setting("scalar", "coded_bytes", 10**9), "1000000000 bytes of code"),
        (setting("scalar", "coded_bytes", 5), "5 bytes of code"),
        (setting("scalar", "coded_bytes", -1), "something else than sizes"),
        (setting("scalar", "distortion", "0"), "distortion of 'scalar' is not a number"),
        (setting("scalar", "distortion", True), "distortion of 'scalar' is not a number"),
        (setting("scalar", "distortion", 10**400), "distortion of 'scalar' is not a number"),
        (setting("scalar", "distortion", -1.0), "distortion of 'scalar' is not a number"),
        (setting("scalar", "distortion", float("inf")), "the number Infinity, which is no JSON"),
        (setting("scalar", "distortion", float("nan")), "the number NaN, which is no JSON"),
        (setting("scalar", "more", 0), "not that of a quantised tensor"),
        (setting("number", "more", 0), "not that of a quantised tensor"),
        (dropping("counts/scalar"), "no tensor 'counts/scalar'"),
        (dropping("raw/number"), "no tensor 'raw/number'"),
        (extra, "belong to no tensor"),
        (no_tensors, "does not consist of"),
    ],
)
def test_what_a_liar_in_version_1_is_told(path, change, message):
    content = spoilt(change)
    tracemalloc.start()
    with pytest.raises(ValueError, match=message):
        everything(path, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6 + 50 * len(content)


def test_codebooks_that_are_not_finite(path):
    def change(description, arrays):
        arrays["codebook/scalar"] = np.array([0, 1, np.nan, 2, 3], np.float32)

    with pytest.raises(ValueError, match="tensor 'scalar': codebook must be finite"):
        everything(path, spoilt(change))


def test_the_same_labels_in_another_order_have_another_digest(path):
    """Data that would decode, but are not those of the header."""
    description, arrays = rdz_files.taken_apart(WHOLE["version 1, huffman"])
    arrays["codebook/scalar"] = arrays["codebook/scalar"][::-1].copy()
    content = rdz_files.put_together(description, arrays, true_digests=False)
    path.write_bytes(content)
    with RdzFile(path) as file:
        with pytest.raises(ValueError, match="the data of 'scalar' are damaged"):
            file.read("scalar")
        with pytest.raises(ValueError, match="the data of 'scalar' are damaged"):
            file.inspect("scalar")
        with pytest.raises(ValueError, match="the data of 'scalar' are damaged"):
            file.verify()
        assert rdz_files.same(file.read("half"), rdz_files.tensors()["half"])


def test_files_of_other_kinds(path):
    from safetensors.numpy import save

    with pytest.raises(ValueError, match="without the metadata of one"):
        everything(path, save({"w": np.zeros(3)}))
    path.write_bytes(WHOLE["huffman"])
    with RdzFile(path) as file, pytest.raises(ValueError, match="has no tensor 'nothing'"):
        file.read("nothing")
