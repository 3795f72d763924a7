"""A wrong command line: what is wrong with it in one line, and the word that was meant."""

import pytest

from ratedist.cli import parse
from ratedist.cli.commands import COMMANDS


@pytest.mark.parametrize(
    ("line", "message"),
    [
        # Words that an option had before, that Python has, or that the papers have.
        ("figure2 --num-trials 1000", "figure2 has no option --num-trials (did you mean --trials?)"),
        ("diameter --beta 0.1", "diameter has no option --beta (did you mean --diameter-penalties?)"),
        ("quantize a -o b --beta 0.1", "quantize has no option --beta (did you mean --diameter-penalty?)"),
        ("quantize a -o b --K 4", "has no option --K (did you mean --min-clusters or --num-clusters?)"),
        ("figure2 --clusters 4", "figure2 has no option --clusters (did you mean --max-clusters?)"),
        ("figure2 --clusters=4", "figure2 has no option --clusters (did you mean --max-clusters?)"),
        ("figure2 --centre-bits 8", "figure2 has no option --centre-bits (did you mean --center-bits?)"),
        ("figure2 --noise 2", "figure2 has no option --noise (did you mean --noise-variance?)"),
        ("figure2 --output x", "figure2 has no option --output (did you mean --out?)"),
        ("figure2 -o x", "figure2 has no option -o (did you mean --out?)"),
        ("mnist --epoch 3", "mnist has no option --epoch (did you mean --epochs?)"),
        ("quantize a -o b --bits 3", "quantize has no option --bits (did you mean --bits-per-weight?)"),
        # What is like no option suggests none.
        ("two-clusters --d 20", "two-clusters has no option --d (see ratedist two-clusters --help)"),
        ("verify --quick", "verify has no option --quick (see ratedist verify --help)"),
        ("--verbose", "ratedist has no option --verbose (see ratedist --help)"),
        # Values.
        ("figure2 --method optimal lloyd", "figure2 cannot place 'lloyd'"),
        ("figure2 --w-star 1 -1 1", "figure2 cannot place '-1'"),
        ("quantize a b.rdz", "quantize cannot place 'b.rdz', which stands behind no option that takes it"),
        ("figure2 --checkpoint", "--checkpoint must have a value behind it, got none"),
        ("dequantize a.rdz", "dequantize needs: -o PATH, --out PATH The safetensors file to write"),
        ("inspect", "inspect needs: PATH The .rdz file (see"),
        ("diameter --clusters 2 x", "--clusters must be integers with spaces between them, got ['2', 'x']"),
        ("diameter --clusters 2,3", "--clusters must be integers with spaces between them, got ['2,3']"),
        ("diameter --clusters 2.5", "--clusters must be integers with spaces between them, got ['2.5']"),
        ("diameter --diameter-penalties 1 x", "--diameter-penalties must be numbers with spaces"),
        ("figure2 --seed 1.5", "--seed must be an integer, got '1.5'"),
        ("network-ranks nope", "data must be one of digits, mnist, got 'nope'"),
        ("figure2 --sampler fast", "--sampler must be one of auto, erm, statistics, dataset, got 'fast'"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_understood(line: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        parse(line.split())
    complaint = str(caught.value)
    assert message in complaint
    assert "\n" not in complaint
    command = line.split()[0]
    assert complaint.endswith(f"(see ratedist {command} --help)" if command in COMMANDS else "--help)")
