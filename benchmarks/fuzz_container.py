"""Fuzz the reader of .rdz files, guided by the code it covers; needs the package atheris.

    python benchmarks/fuzz_container.py [-max_total_time=600] [further options of libFuzzer]

An input is read as a file, or it says how a good file is to be changed, and is read once more signed again:
with all SHA-256 made right, without which nothing behind them would be reached. Only ValueError is allowed,
in one line, and memory within what the size of the file justifies. A file that is read as it is has to be one
of the seeds. What is read after signing has to be sound: finite centres, labels with the stored counts,
numbers that JSON has, names that say nothing to a terminal. The seeds are the golden files of the tests."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import math
import pathlib
import sys
import tempfile
import tracemalloc
from typing import Any

import numpy as np

atheris = importlib.import_module("atheris")

with atheris.instrument_imports(include=["ratedist.container", "ratedist.codes"]):
    from ratedist.cli.inspect_file import table
    from ratedist.container import QuantizedTensor, RdzFile, encode_header
    from ratedist.container.rdz_format import header_of
    from ratedist.container.rdz_index import decode_index, encode_index, version_of
    from ratedist.container.rdz_row import DTYPE_CODES
    from ratedist.container.rdz_version1 import NO_DIGEST
    from ratedist.container.tensor_reader import Entry
    from ratedist.tensors.inspection import inspect_file

KINDS = ("labels/", "codebook/", "counts/", "raw/")
FIELDS = ["dtype", "shape", "coder", "coded_bytes", "distortion", "sha256", "more"]
WIDTHS = {"U16": 2, "F16": 2, "BF16": 2, "F32": 4, "I32": 4, "U64": 8, "F64": 8}
NUMBERS = [0.0, 1.0, -1.0, 5e-324, 1.7e308, math.inf, math.nan, None]
GOLDEN = pathlib.Path(__file__).parents[1] / "tests" / "container" / "golden"
SEEDS = [path.read_bytes() for path in sorted(GOLDEN.glob("*.rdz"))]
FOLDER = tempfile.TemporaryDirectory()
PATH = pathlib.Path(FOLDER.name) / "file.rdz"
COUNTS = {"inputs": 0, "read": 0, "signed": 0, "read after signing": 0}


def split(content: bytes) -> tuple[Any, bytes]:
    """Header and what is behind it."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def signed(content: bytes) -> bytes | None:
    """The file with its SHA-256 made right, if its headers can be parsed at all."""
    try:
        header, body = split(content)
        described = json.loads(header["__metadata__"]["rdz"])
        if described.get("version") in (2, 3, 4, 5):
            size = header["data"]["data_offsets"][1]
            return signed_index(body[size:], body[:size], described["version"])
        return signed_description(header, described, body)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, IndexError):
        return None


def signed_index(index: bytes, body: bytes, version: int) -> bytes:
    """A file of version 2 to 5; the digests inside the index are made right if it can be decoded."""
    try:
        metadata, entries = decode_index(index, 0, len(body))
    except ValueError:
        return with_index(index, body, version)
    for name, entry in entries.items():
        data = body[entry.places[0] :][: entry.num_bytes]
        entries[name] = dataclasses.replace(entry, digest=hashlib.sha256(data).digest())
    return with_index(encode_index(metadata, entries), body, version)


def with_index(index: bytes, body: bytes, version: int) -> bytes:
    """A file of version 2 to 5 with the digest of its index."""
    header = header_of(len(body), index, version)
    return len(header).to_bytes(8, "little") + header + body + index


def signed_description(header: Any, described: Any, body: bytes) -> bytes:
    """A file of version 1."""
    for name, fields in described["tensors"].items():
        parts = [header[kind + name]["data_offsets"] for kind in KINDS if kind + name in header]
        fields["sha256"] = hashlib.sha256(b"".join(body[start:end] for start, end in parts)).hexdigest()
    texts = {"rdz": json.dumps(described), "rdz_sha256": NO_DIGEST}
    try:
        entries = {
            name: Entry(fields["dtype"], tuple(fields["shape"]), fields["data_offsets"][0])
            for name, fields in header.items()
            if name != "__metadata__"
        }
        encoded = encode_header(entries, texts)
        encoded = encode_header(entries, texts | {"rdz_sha256": hashlib.sha256(encoded).hexdigest()})
    except (ValueError, OverflowError):
        encoded = json.dumps(header | {"__metadata__": texts}, ensure_ascii=False).encode()
    return len(encoded).to_bytes(8, "little") + encoded + body


def read(content: bytes) -> bool:
    """Whether the file is accepted; anything but ValueError and what is sound ends the program."""
    PATH.write_bytes(content)
    tracemalloc.start()
    try:
        with RdzFile(PATH) as file:
            file.verify()
            for name, tensor in file.read_many(
                n for n, e in file.entries.items() if e.dtype[:2] not in ("F4", "F6")
            ):
                sound(file, name, tensor)
        rows, _ = inspect_file(PATH)
        json.dumps([dataclasses.asdict(row) for row in rows], allow_nan=False)
        assert table(rows).replace("\n", "").isprintable()
        return True
    except ValueError as error:
        if "\n" in str(error):
            raise RuntimeError("a complaint of several lines") from error
        return False
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2e6 + 10 * 1024 * len(content), f"{peak} bytes of memory for a file of {len(content)}"


def sound(file: RdzFile, name: str, tensor: Any) -> None:
    """Whether a tensor that was read is one."""
    assert tensor.shape == file.entries[name].shape
    if not isinstance(tensor, np.ndarray):
        assert np.isfinite(tensor.reconstruction().astype(float)).all()
        told = file.inspect(name)
        assert told is not None
        assert told.sizes == tensor.sizes
        if isinstance(tensor, QuantizedTensor):
            assert told.details["diameter"] == tensor.diameter
        assert file.entries[name].rank == getattr(tensor, "rank", None)
        assert file.entries[name].zeros == getattr(tensor, "zeros", None)
        assert not tensor.distortion < 0
        assert not math.isinf(tensor.distortion)


def lie(data: Any) -> bytes:
    """A seed with fields and data changed as the fuzzer says, the headers well-formed."""
    content = SEEDS[data.ConsumeIntInRange(0, len(SEEDS) - 1)]
    header, body = split(content)
    return lie_in_index(data, header, body) if "index" in header else lie_in_description(data, header, body)


def lie_in_index(data: Any, header: Any, body: bytes) -> bytes:
    """A file of version 2 to 5."""
    size = header["data"]["shape"][0]
    metadata, entries = decode_index(body[size:], 0, size)
    contents = {name: body[entry.places[0] :][: entry.num_bytes] for name, entry in entries.items()}
    for _ in range(data.ConsumeIntInRange(1, 4)):
        name = data.PickValueInList(sorted(contents))
        shape = tuple(data.ConsumeIntInRange(0, 70) for _ in range(data.ConsumeIntInRange(0, 2)))
        match data.ConsumeIntInRange(0, 9):
            case 0:
                entries[name] = dataclasses.replace(
                    entries[name], dtype=data.PickValueInList(list(DTYPE_CODES))
                )
            case 1:
                entries[name] = dataclasses.replace(entries[name], shape=shape)
            case 2 if entries[name].coder is not None and shape:
                entries[name] = dataclasses.replace(entries[name], codebook_shape=shape)
            case 3:
                entries[name] = dataclasses.replace(entries[name], coded_bytes=data.ConsumeIntInRange(0, 200))
            case 4:
                entries[name] = dataclasses.replace(
                    entries[name],
                    distortion=data.PickValueInList(NUMBERS),
                    energy=data.PickValueInList(NUMBERS),
                )
            case 5 if entries[name].coder is not None:
                entries[name] = dataclasses.replace(
                    entries[name],
                    counts_dtype=data.PickValueInList(["U8", "U16", "U32", "U64", "I8", "F16"]),
                    codebook_dtype=data.PickValueInList(["float32", "float16", "bfloat16"]),
                )
            case 6:
                changed = data.ConsumeUnicodeNoSurrogates(12)
                entries[changed], contents[changed] = entries.pop(name), contents.pop(name)
            case 7 if entries[name].form is not None:
                entries[name] = dataclasses.replace(entries[name], form=lie_about(data, entries[name].form))
            case _:
                position, removed = (
                    data.ConsumeIntInRange(0, len(contents[name])),
                    data.ConsumeIntInRange(0, 9),
                )
                inserted = data.ConsumeBytes(data.ConsumeIntInRange(0, 9))
                contents[name] = contents[name][:position] + inserted + contents[name][position + removed :]
    index = bytearray(encode_index(metadata, entries))
    if data.ConsumeIntInRange(0, 3) == 0:
        position = data.ConsumeIntInRange(0, len(index))
        index[position : position + data.ConsumeIntInRange(0, 3)] = data.ConsumeBytes(3)
    version = (
        data.PickValueInList([2, 3, 4]) if data.ConsumeIntInRange(0, 9) == 0 else version_of(entries.values())
    )
    return with_index(bytes(index), b"".join(contents[name] for name in sorted(contents)), version)


def lie_about(data: Any, form: Any) -> Any:
    """A form with another number in one of its fields, or in a field of one of its codes."""
    if form.kind == "trellis":
        return lie_about_trellis(data, form)
    of_code = ["left", "right"] if form.kind == "factored" else ["values"]
    own = (
        []
        if form.kind == "factored"
        else ["marks_zeros", "coder", "coded_bytes", "longest_run", "counts_dtype"]
    )
    field = data.PickValueInList(of_code + own)
    if field in of_code:
        code = getattr(form, field)
        inner = data.PickValueInList(["shape", "codebook_shape", "coded_bytes", "counts_dtype", "coder"])
        if inner == "shape":
            new = tuple(data.ConsumeIntInRange(0, 70) for _ in code.shape)
        elif inner == "codebook_shape":
            new = tuple(data.ConsumeIntInRange(0, 70) for _ in range(data.ConsumeIntInRange(1, 2)))
        else:
            new = lie_in_field(data, inner)
        return dataclasses.replace(form, **{field: dataclasses.replace(code, **{inner: new})})
    return dataclasses.replace(form, **{field: lie_in_field(data, field)})


def lie_about_trellis(data: Any, form: Any) -> Any:
    """A trellis with another number in one of its fields, or in one of those of a stream."""
    field = data.PickValueInList(
        ["num_states", "num_levels", "level_dtype", "stream_coders", "stream_bytes", "count_bytes"]
    )
    if field not in ("num_levels", "stream_coders", "stream_bytes"):
        return dataclasses.replace(form, **{field: lie_in_field(data, field)})
    several = list(getattr(form, field))
    several[data.ConsumeIntInRange(0, len(several) - 1)] = lie_in_field(data, field)
    return dataclasses.replace(form, **{field: tuple(several)})


def lie_in_field(data: Any, field: str) -> Any:
    """A value that the field can have."""
    values = {
        "marks_zeros": [True, False],
        "coder": ["huffman", "packed", "ans"],
        "counts_dtype": ["U8", "U16", "U32", "U64", "I8", "F16"],
        "coded_bytes": list(range(200)),
        "longest_run": [*range(20), 600, 2**16 - 1, 2**16],
        "num_states": [0, 2, 4, 8, 12, 16, 32, 64, 256, 512, 2**40],
        "num_levels": [*range(10), 2**16, 2**16 + 1],
        "level_dtype": ["F16", "BF16", "F32", "F64", "U8", "F4"],
        "stream_coders": ["huffman", "packed", "ans"],
        "stream_bytes": list(range(200)),
        "count_bytes": list(range(60)),
    }
    return data.PickValueInList(values[field])


def lie_in_description(data: Any, header: Any, whole: bytes) -> bytes:
    """A file of version 1."""
    described = json.loads(header.pop("__metadata__")["rdz"])
    body = {name: whole[slice(*x["data_offsets"])] for name, x in header.items()}
    for _ in range(data.ConsumeIntInRange(1, 4)):
        name = data.PickValueInList(sorted(described["tensors"]))
        part = data.PickValueInList(sorted(header))
        match data.ConsumeIntInRange(0, 5):
            case 0:
                described["tensors"][name][data.PickValueInList(FIELDS)] = value(data)
            case 1:
                described[data.PickValueInList(["version", "metadata", "tensors", "more"])] = value(data)
                if not isinstance(described["tensors"], dict):
                    break
            case 2:
                position = data.ConsumeIntInRange(0, len(body[part]))
                removed = data.ConsumeIntInRange(0, 9)
                inserted = data.ConsumeBytes(data.ConsumeIntInRange(0, 9))
                body[part] = body[part][:position] + inserted + body[part][position + removed :]
            case 3:
                header[part]["dtype"] = data.PickValueInList(["U8", "U16", "U64", "I8", "F16", "BF16", "F32"])
            case 4:
                header[part]["shape"] = [
                    data.ConsumeIntInRange(0, 70) for _ in range(data.ConsumeIntInRange(0, 2))
                ]
            case 5 if len(header) > 1:
                del header[part]
                del body[part]
    offset = 0
    for name, fields in header.items():
        fields["data_offsets"] = [offset, offset + len(body[name])]
        offset += len(body[name])
        if (
            math.prod(fields["shape"]) * WIDTHS.get(fields["dtype"], 1) != len(body[name])
            and data.ConsumeBool()
        ):
            fields["shape"] = [len(body[name]) // WIDTHS.get(fields["dtype"], 1)]
    header["__metadata__"] = {"rdz": json.dumps(described), "rdz_sha256": ""}
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + b"".join(body[name] for name in body)


def value(data: Any) -> Any:
    """Something that JSON can say."""
    match data.ConsumeIntInRange(0, 7):
        case 0:
            return data.ConsumeIntInRange(-2, 100)
        case 1:
            return data.ConsumeInt(9)
        case 2:
            return data.ConsumeRegularFloat()
        case 3:
            return data.PickValueInList(["huffman", "packed", "ans", "F16", "BF16", "F32", "F64", "I8", ""])
        case 4:
            return [data.ConsumeIntInRange(0, 100) for _ in range(data.ConsumeIntInRange(0, 4))]
        case 5:
            return [data.ConsumeInt(8) for _ in range(data.ConsumeIntInRange(0, 4))]
        case 6:
            return data.PickValueInList([True, False, 10**400, math.inf, math.nan, 1e308, -0.0])
    return None


def test_one_input(content: bytes) -> None:
    """What the fuzzer calls."""
    COUNTS["inputs"] += 1
    # The header of a file is filled to a multiple of eight bytes: an odd number is none of the seeds.
    if content[:1] and content[0] % 2:
        content = lie(atheris.FuzzedDataProvider(content[1:]))
    elif read(content):
        COUNTS["read"] += 1
        assert content in SEEDS, "a changed file was read"
    again = signed(content)
    if again is not None:
        COUNTS["signed"] += 1
        COUNTS["read after signing"] += read(again)
    if COUNTS["inputs"] % 5_000 == 0:
        print(COUNTS, flush=True)


def main() -> None:
    """Put the seeds into a corpus of their own and start."""
    corpus = pathlib.Path(FOLDER.name) / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS):
        (corpus / str(number)).write_bytes(seed)
        (corpus / f"lie{number}").write_bytes(b"\1" + bytes(range(64)))
        # What is imported late is no memory of a file.
        PATH.write_bytes(seed)
        table(inspect_file(PATH)[0])
    options = sys.argv[1:] or ["-max_total_time=600"]
    atheris.Setup([sys.argv[0], "-max_len=8192", "-timeout=20", *options, str(corpus)], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
