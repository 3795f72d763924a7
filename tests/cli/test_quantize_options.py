"""No option of ``ratedist quantize`` is accepted and ignored: each changes the file, or is refused."""

import dataclasses

import ml_dtypes
import numpy as np
import pytest

from ratedist.cli import main, parse
from ratedist.cli.quantize import QuantizeCommand, QuantizeOptions
from ratedist.container import Entry, encode_header, write_tensor_file
from ratedist.container.dtypes import dtype_name, to_bytes
from ratedist.tensors.config import QuantizationConfig

pytestmark = pytest.mark.usefixtures("some_limit")

# One tensor, where all take long.
ONE = ["--include", "c*"]
# Option → arguments that make a base, and arguments that change what the base writes.
CHANGES = {
    "model": [([], ["MODEL2"])],
    "num_clusters": [([], ["-k", 5])],
    "bits_per_weight": [([], ["--bits-per-weight", 5]), (["--bits-per-weight", 5], ["--bits-per-weight", 6])],
    "min_clusters": [(["--bits-per-weight", 5, "--importance", "H"], ["--min-clusters", 16])],
    "importance": [([], ["--importance", "H"])],
    "method": [([], ["--method", "optimal"]), ([], ["--method", "algorithm1", "--diameter-penalty", 90])],
    "diameter_penalty": [([], ["--diameter-penalty", 5])],
    "relative_penalty": [(["--diameter-penalty", 0.01], ["--relative-penalty", "True"])],
    "rank": [([], ["--rank", 3]), (["--rank", 3], ["--rank", 4]), (["--rank", 3], ["--importance", "H"])],
    "rank_budget": [([], ["--rank-budget", 1]), (["--rank-budget", 1], ["--rank-budget", 1.2])],
    "prune": [
        ([], ["--prune", 0.5]),
        (["--prune", 0.5], ["--prune", 0.9]),
        (["--prune", 0.5], ["--importance", "H"]),
        (["--prune", 0.5, "--bits-per-weight", 4], ["--bits-per-weight", 5]),
    ],
    "trellis": [
        ([*ONE, "--bits-per-weight", 5], ["--trellis", 4]),
        ([*ONE, "--bits-per-weight", 5, "--trellis", 4], ["--trellis", 8]),
        ([*ONE, "--bits-per-weight", 5, "--trellis", 4], ["--importance", "H"]),
        ([*ONE, "--bits-per-weight", 5, "--trellis", 4], ["--codebook-dtype", "bfloat16"]),
    ],
    "mean_squared_error": [
        ([*ONE, "--trellis", 4, "--mean-squared-error", 0.1], ["--mean-squared-error", 0.2])
    ],
    "block_length": [([], ["--block-length", 2]), (["--rank", 3], ["--block-length", 2])],
    "codebook_dtype": [([], ["--codebook-dtype", "bfloat16"])],
    "coder": [([], ["--coder", "ans"])],
    "include": [([], ["--include", "a*"])],
    "exclude": [([], ["--exclude", "a*"])],
    "min_size": [([], ["--min-size", 1500]), ([], ["--min-size", 1])],
    "seed": [(["--block-length", 2], ["--seed", 1])],
}
# Option → arguments with which nothing depends on it, and the sentence that says so.
REFUSALS = {
    "out": [(["-o", "FOLDER"], "it is a folder")],
    "num_clusters": [
        (["-k", 16, "--bits-per-weight", 5], "num_clusters must not be given beside bits_per_weight")
    ],
    "bits_per_weight": [
        (["--bits-per-weight", 0.001], "bits_per_weight must be at least"),
        (["--bits-per-weight", 0], "bits_per_weight must be one number above zero"),
        (["--bits-per-weight", "nan"], "bits_per_weight must be finite"),
    ],
    "min_clusters": [
        (["--min-clusters", 3], "min_clusters needs bits_per_weight"),
        (["--min-clusters", 300, "--bits-per-weight", 5], "min_clusters must be at most 256"),
    ],
    "method": [
        (["--method", "optimal", "--block-length", 2], 'method "optimal" is for block_length 1'),
        (["--method", "best"], "method must be one of"),
    ],
    "rank": [
        (["--rank", 0], "rank must be at least 1"),
        (["--rank", 24], "the largest that does is 23, for 'a.weight' of shape (60, 40)"),
        (["--rank", 3, "--rank-budget", 2], "of rank, rank_budget and prune at most one"),
        (["--rank", 3, "--bits-per-weight", 2], "rank must not be given beside bits_per_weight"),
        (["--rank", 3, "--diameter-penalty", 1], "must have relative_penalty=True"),
    ],
    "rank_budget": [
        (["--rank-budget", 0], "rank_budget must be one number above zero"),
        (["--rank-budget", 0.001], "rank_budget must be at least 0."),
        (["--rank-budget", 1, "--include", "a.bias", "--min-size", 1], "there is no matrix"),
        (["--rank-budget", 2, "--bits-per-weight", 2], "rank_budget must not be given beside"),
    ],
    "prune": [
        (["--prune", 0], "prune must be a part between 0 and 1"),
        (["--prune", 1], "prune must be a part between 0 and 1"),
        (["--prune", "nan"], "prune must lie in"),
        (["--prune", 0.5, "--rank", 3], "of rank, rank_budget and prune at most one"),
    ],
    "trellis": [
        (["--trellis", 12, "--bits-per-weight", 3], "trellis must be a power of two from 4 to 256"),
        (["--trellis", 512, "--bits-per-weight", 3], "trellis must be at most 256"),
        (["--trellis", 8], "trellis needs one of bits_per_weight, a budget for the file, and mean_squ"),
        (["--trellis", 8, "--bits-per-weight", 3, "--mean-squared-error", 1], "tensor; got both"),
        (["--trellis", 8, "--bits-per-weight", 0.05], "bits_per_weight must be at least"),
        (["--trellis", 8, "-k", 4], "num_clusters must not be given beside trellis"),
        (["--trellis", 8, "--bits-per-weight", 3, "--min-clusters", 4], "min_clusters must not be given"),
        (["--trellis", 8, "--bits-per-weight", 3, "--method", "optimal"], "method must not be given"),
        (["--trellis", 8, "--bits-per-weight", 3, "--diameter-penalty", 1], "diameter_penalty must not be"),
        (["--trellis", 8, "--bits-per-weight", 3, "--rank", 2], "rank must not be given beside trellis"),
        (["--trellis", 8, "--bits-per-weight", 3, "--prune", 0.5], "prune must not be given beside trellis"),
        (["--trellis", 8, "--bits-per-weight", 3, "--block-length", 2], "block_length must be 1 beside"),
        (["--trellis", 8, "--bits-per-weight", 3, "--seed", 2], "seed is for block_length"),
    ],
    "mean_squared_error": [
        (["--mean-squared-error", 0.1], "mean_squared_error needs trellis"),
        (["--trellis", 8, "--mean-squared-error", 0], "mean_squared_error must be one number above zero"),
    ],
    "relative_penalty": [(["--relative-penalty", "True"], "relative_penalty is a unit of diameter_penalty")],
    "seed": [
        (["--seed", 1], "seed is for block_length above 1"),
        (["--seed", 0], "seed is for block_length"),
    ],
    "include": [(["--include", "a*", "--include", "z*"], "include: no tensor has a name like 'z*'")],
    "exclude": [(["--exclude", "z*"], "exclude: no tensor has a name like 'z*'")],
}
# Dry runs write nothing: tested by themselves below.
APART = {"dry_run"}


def write(path, tensors):
    entries = {name: Entry(dtype_name(x.dtype), x.shape) for name, x in tensors.items()}
    write_tensor_file(path, entries, encode_header(entries), lambda name: [to_bytes(tensors[name])])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("options"), np.random.default_rng(0)
    tensors = {
        "a.weight": rng.standard_t(3, (60, 40)).astype(np.float32),
        "b.weight": (3 * rng.normal(size=(60, 40))).astype(np.float32),
        "c.weight": rng.normal(size=(30, 40)).astype(np.float32),
        "a.bias": rng.normal(size=40).astype(np.float32),
    }
    write(folder / "model", tensors)
    write(folder / "model2", {name: x[::-1].copy() for name, x in tensors.items()})
    write(folder / "h", {name: rng.exponential(size=x.shape) for name, x in tensors.items()})
    return folder


def run(folder, tmp_path, capsys, arguments):
    """Exit status, bytes of the file, standard output and error."""
    names = {"H": folder / "h", "FOLDER": tmp_path, "MODEL2": folder / "model2"}
    model = [] if "MODEL2" in arguments else [folder / "model"]
    out = [] if "-o" in arguments else ["-o", tmp_path / "out.rdz"]
    status = main([str(names.get(one, one)) for one in ["quantize", *model, *out, *arguments]])
    said = capsys.readouterr()
    written = tmp_path / "out.rdz"
    return status, written.read_bytes() if written.exists() else None, said.out, said.err


def test_no_option_is_forgotten():
    options = {field.name for field in dataclasses.fields(QuantizationConfig)}
    own = {field.name for field in dataclasses.fields(QuantizeCommand)} - {"config"}
    assert CHANGES.keys() | REFUSALS.keys() | APART == own | options


def test_the_command_has_the_options_of_the_record_and_their_defaults(capsys):
    assert parse(["quantize", "m"]).config == QuantizeOptions()
    for field in dataclasses.fields(QuantizationConfig):
        assert getattr(QuantizeOptions(), field.name) == getattr(QuantizationConfig(), field.name)
    with pytest.raises(SystemExit):
        parse(["quantize", "--help"])
    said = capsys.readouterr().out
    for field in dataclasses.fields(QuantizationConfig):
        assert f"--{field.name.replace('_', '-')} " in said
    assert "-k INT" in said
    assert "(repeatable)" not in said
    assert "For several patterns the option is given several times" in " ".join(
        said.replace("│", " ").split()
    )
    with pytest.raises(SystemExit):
        parse(["inspect", "--help"])
    assert "(repeatable)" not in capsys.readouterr().out
    assert "of a tensor" in said


@pytest.fixture(scope="module")
def bases():
    """What each base has written."""
    return {}


@pytest.mark.parametrize(
    ("base", "change"),
    [
        # An option that is in the base too has another value: a second case of those that give it one.
        pytest.param(*case, marks=pytest.mark.slow if len(cases) > 1 and case[1][0] in case[0] else [])
        for cases in CHANGES.values()
        for case in cases
    ],
    ids=str,
)
def test_an_option_changes_the_file(bases, folder, tmp_path, capsys, base, change):
    if "ans" in change:
        pytest.importorskip("constriction")
    if str(base) not in bases:
        status, bases[str(base)], *_ = run(folder, tmp_path, capsys, base)
        assert status == 0
    status, written, *_ = run(folder, tmp_path, capsys, [*base, *change])
    assert status == 0
    assert written != bases[str(base)]


@pytest.mark.parametrize(
    ("arguments", "sentence"), [case for cases in REFUSALS.values() for case in cases], ids=str
)
def test_what_nothing_depends_on_is_refused(folder, tmp_path, capsys, arguments, sentence):
    status, written, _, error = run(folder, tmp_path, capsys, arguments)
    assert (status, written) == (2, None)
    assert sentence in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        pytest.param(["--bits-per-weight", 5, "--coder", "ans"], marks=pytest.mark.slow),
        pytest.param(["--importance", "H"], marks=pytest.mark.slow),
        pytest.param(["--rank-budget", 1], marks=pytest.mark.slow),
        ["--prune", 0.8, "--coder", "ans"],
        [*ONE, "--trellis", 4, "--bits-per-weight", 5],
    ],
    ids=str,
)
def test_a_dry_run_says_the_same_and_writes_nothing(folder, tmp_path, capsys, arguments):
    if "ans" in arguments:
        pytest.importorskip("constriction")
    status, written, dry, _ = run(folder, tmp_path, capsys, [*arguments, "--dry-run"])
    assert (status, written, list(tmp_path.iterdir())) == (0, None, [])
    status, written, wet, _ = run(folder, tmp_path, capsys, arguments)
    assert status == 0
    until = [text[: text.index("ritten")].rpartition("\n")[0] for text in (dry, wet)]
    assert until[0] == until[1]
    for text in (dry, wet):
        assert f"{len(written):,} bytes\ncompression ratios, size after over size before: 0." in text
    assert (
        dry.partition("compression ratios")[2].splitlines()[0]
        == (wet.partition("compression ratios")[2].splitlines()[0])
    )
    for text in (dry, wet):  # each ratio says what it is of
        assert "(39)" not in text
        assert "the file over all tensors; quantised weights alone 0." in text


def test_a_dry_run_needs_no_place_and_refuses_what_is_none(folder, tmp_path, capsys):
    assert run(folder, tmp_path, capsys, ["-o", "FOLDER", "--dry-run"])[0] == 2
    assert main(["quantize", str(folder / "model"), "--dry-run"]) == 0
    assert main(["quantize", str(folder / "model")]) == 2


def test_the_table(folder, tmp_path, capsys):
    """Error of each tensor, and why one stays as it is."""
    _, _, text, _ = run(folder, tmp_path, capsys, ["-k", 4, "--exclude", "c*"])
    lines = {line.split()[0]: line for line in text.splitlines() if ".weight" in line or ".bias" in line}
    assert "as it was: fewer than 1024 weights (min_size)" in lines["a.bias"]
    assert "as it was: excluded by 'c*'" in lines["c.weight"]
    assert main(["dequantize", str(tmp_path / "out.rdz"), "-o", str(tmp_path / "back")]) == 0
    from ratedist.container import TensorFile

    with TensorFile(folder / "model") as model, TensorFile(tmp_path / "back") as back:
        for name in ("a.weight", "b.weight"):
            w, changed = (file.read(name).astype(float) for file in (model, back))
            decibels = 10 * np.log10(np.sum(w**2) / np.sum((w - changed) ** 2))
            assert lines[name].split()[-2] == f"{decibels:.2f}"
            assert lines[name].split()[1:4] == ["F32", "60×40", "4"]


def test_warnings_are_lines(tmp_path, capsys):
    """For Student weights of three degrees of freedom two clusters leave 60% of the energy as error."""
    rng = np.random.default_rng(0)
    x = rng.standard_t(3, 30_000)
    write(tmp_path / "model", {"heavy": x.astype(ml_dtypes.bfloat16)})
    assert main(["quantize", str(tmp_path / "model"), "--dry-run", "--bits-per-weight", "1.2"]) == 0
    error = capsys.readouterr().err
    assert error.startswith("warning: the budget leaves 1 tensor with an error above 50%")
    assert error.count("\n") == 1
