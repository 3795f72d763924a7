"""Fuzz the reader of .rdz files, guided by the code it covers; needs the package atheris.

    python benchmarks/fuzz_container.py [-max_total_time=600] [further options of libFuzzer]

An input is read as a file, or it says how a good file is to be changed, and is read once more with all
SHA-256 made right, without which nothing behind them would be reached. Only ValueError is allowed, and
memory within what the size of the file justifies; a file that is read as it is has to be one of the seeds.
The seeds are the golden files of the tests."""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import pathlib
import sys
import tempfile
import tracemalloc
from typing import Any

atheris = importlib.import_module("atheris")

with atheris.instrument_imports(include=["ratedist"]):
    from ratedist.container import QuantizedTensor, RdzFile

KINDS = ("labels/", "codebook/", "counts/", "raw/")
FIELDS = ["dtype", "shape", "coder", "coded_bytes", "distortion", "sha256", "more"]
WIDTHS = {"U16": 2, "F16": 2, "BF16": 2, "F32": 4, "I32": 4, "U64": 8, "F64": 8}
SEEDS = [
    path.read_bytes()
    for path in sorted((pathlib.Path(__file__).parents[1] / "tests" / "container").glob("golden_*.rdz"))
]
FOLDER = tempfile.TemporaryDirectory()
PATH = pathlib.Path(FOLDER.name) / "file.rdz"
COUNTS = {"inputs": 0, "read": 0, "mended": 0, "read after mending": 0}


def mended(content: bytes) -> bytes | None:
    """The file with its SHA-256 made right, if its headers can be parsed at all."""
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + length])
        described = json.loads(header["__metadata__"]["rdz"])
        data = content[8 + length :]
        for name, fields in described["tensors"].items():
            parts = [header[kind + name]["data_offsets"] for kind in KINDS if kind + name in header]
            fields["sha256"] = hashlib.sha256(b"".join(data[start:end] for start, end in parts)).hexdigest()
        header["__metadata__"] = {"rdz": json.dumps(described), "rdz_sha256": "0" * 64}
        encoded = json.dumps(header, ensure_ascii=False).encode()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    digest = hashlib.sha256(encoded).hexdigest()
    encoded = encoded.replace(b"0" * 64, digest.encode(), 1)
    return len(encoded).to_bytes(8, "little") + encoded + data


def read(content: bytes) -> bool:
    """Whether the file is accepted; anything but ValueError and success ends the program."""
    PATH.write_bytes(content)
    tracemalloc.start()
    try:
        with RdzFile(PATH) as file:
            file.verify()
            for name, entry in file.entries.items():
                tensor = file.read(name)
                if isinstance(tensor, QuantizedTensor):
                    tensor.reconstruction()
                    file.codebook_and_counts(name)
                assert tensor.shape == entry.shape
        return True
    except ValueError:
        return False
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2e6 + 10 * 1024 * len(content), f"{peak} bytes of memory for a file of {len(content)}"


def lie(data: Any) -> bytes:
    """A seed with fields and data changed as the fuzzer says, the headers well-formed."""
    content = SEEDS[data.ConsumeIntInRange(0, len(SEEDS) - 1)]
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    described = json.loads(header.pop("__metadata__")["rdz"])
    body = {name: content[8 + length :][slice(*x["data_offsets"])] for name, x in header.items()}
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
    match data.ConsumeIntInRange(0, 6):
        case 0:
            return data.ConsumeIntInRange(-2, 100)
        case 1:
            return data.ConsumeInt(9)
        case 2:
            return data.ConsumeRegularFloat()
        case 3:
            return data.PickValueInList(["huffman", "ans", "F16", "BF16", "F32", "F64", "I8", ""])
        case 4:
            return [data.ConsumeIntInRange(0, 100) for _ in range(data.ConsumeIntInRange(0, 4))]
        case 5:
            return [data.ConsumeInt(8) for _ in range(data.ConsumeIntInRange(0, 4))]
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
    repaired = mended(content)
    if repaired is not None:
        COUNTS["mended"] += 1
        COUNTS["read after mending"] += read(repaired)
    if COUNTS["inputs"] % 10_000 == 0:
        print(COUNTS, flush=True)


def main() -> None:
    """Put the seeds into a corpus of their own and start."""
    corpus = pathlib.Path(FOLDER.name) / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS):
        (corpus / str(number)).write_bytes(seed)
        (corpus / f"lie{number}").write_bytes(b"\1" + bytes(range(64)))
    options = sys.argv[1:] or ["-max_total_time=600"]
    atheris.Setup([sys.argv[0], "-max_len=8192", "-timeout=20", *options, str(corpus)], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
