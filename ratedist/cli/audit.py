"""``ratedist audit``: is a claim of bits and error possible, and how far above the limit is it?"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import tyro

from ratedist.cli.closing import Closing, Example

if TYPE_CHECKING:
    import numpy as np

    from ratedist.claims.audit import AuditedClaim
    from ratedist.theory.sources.brackets import Limit

IMPOSSIBLE = 1
SIDE_INFORMATION = (
    "What may be missing: bits of scales, codebooks, outliers or seeds; that the decoder has something of "
    "the numbers already; or that the error is not a mean over this source."
)


@dataclasses.dataclass(frozen=True)
class AuditCommand:
    """Say whether so many bits at such a mean squared error are possible, by the rate-distortion limit.

    Exit status 1 if the claim is below the limit, and so impossible. Digits of a claim are taken as rounded:
    it has the benefit of half a unit of the last one, but whole bits are exact.
    """

    closing: ClassVar = Closing(
        "Seconds.",
        (
            Example("A two-bit trellis for Gaussian weights", "ratedist audit --bits 2 --mse 0.07101"),
            Example(
                "The layers of a file, beside their limits",
                "ratedist audit model.rdz --weights model.safetensors",
            ),
        ),
    )

    file: tyro.conf.Positional[Path | None] = None
    """A .rdz file, whose layers are the claims."""
    bits: str | None = None
    """Bits a number that are claimed."""
    mse: str | None = None
    """Mean squared error that is claimed. Named sources have variance 1; numbers of a file have their own
    units."""
    source: str = "gaussian"
    """Of the claim: gaussian, laplace or uniform, of variance 1, or a .npy file with the numbers."""
    weights: Path | None = None
    """The model before quantisation, for a .rdz file: .safetensors, or .npy if it is one tensor. Without it
    errors and limits are those that the writer of the file put there."""
    importance: Path | None = None
    """Importances of the weights, in a file like --weights: errors and limits with them, for files that were
    quantised with them."""
    json: Annotated[tyro.conf.UseCounterAction[int], tyro.conf.arg(help_behavior_hint="")] = 0
    """Print JSON in place of words."""

    def run(self) -> int:
        """Print the verdict and return the exit status."""
        if self.file is not None:
            if self.bits is not None or self.mse is not None:
                raise ValueError("audit takes a .rdz file, or --bits and --mse, not both")
            return self._model(self.file)
        if self.bits is None or self.mse is None:
            raise ValueError("audit needs --bits and --mse of a claim, or a .rdz file")
        if self.weights is not None or self.importance is not None:
            raise ValueError("--weights goes with a .rdz file; numbers of a claim are given as --source")
        return self._claim(self.bits, self.mse)

    def _claim(self, bits: str, mse: str) -> int:
        from ratedist.claims.audit import audit_claim, rounded
        from ratedist.theory.sources import limits, numbers

        for name, printed in (("bits", bits), ("mse", mse)):  # before a file is read
            rounded(name, printed)
        if self.source in limits.SOURCES:
            claim = audit_claim(
                bits,
                mse,
                1.0,
                lambda distortion: limits.rate_limit(self.source, distortion),
                lambda rate: limits.distortion_limit(self.source, rate),
            )
            name = f"the {self.source} source of variance 1"
        else:
            values = _numbers(self.source)
            claim = audit_claim(
                bits,
                mse,
                float(values.var()),
                lambda distortion: numbers.numbers_rate_limit(values, distortion),
                lambda rate: numbers.numbers_distortion_limit(values, rate),
            )
            name = f"the {values.size:,} numbers of {self.source}, of variance {values.var():.6g}"
        if self.json:
            _print_json(_as_row(claim))
        else:
            print(in_words(claim, name))
        return 0 if claim.possible else IMPOSSIBLE

    def _model(self, file: Path) -> int:
        from ratedist.cli.audit_model import in_table
        from ratedist.tensors.audit import audit_file

        audit = audit_file(file, self.weights, self.importance)
        if self.json:
            totals = audit.totals
            told = {"bits": totals.bits, "gap": totals.gap}
            layers = [{**dataclasses.asdict(one), "gap": one.gap} for one in audit.layers]
            _print_json({"layers": layers, **dataclasses.asdict(totals), **told})
        else:
            print(in_table(audit))
        return 0


def in_words(claim: AuditedClaim, name: str) -> str:
    """The claim, the limit, and what follows."""
    spent, error = claim.bits, claim.mse
    lines = [
        f"claim: {spent.printed} bits a number at a mean squared error of {error.printed}, for {name}",
        f"limit: that error needs {_range(claim.rate)} bits" + _at_these_bits(claim),
    ]
    if not claim.possible:
        short = claim.needed.lower - spent.largest
        lines += [
            f"verdict: below the limit by {short:.4f} bit, and so impossible",
            f"needed: {_range(claim.needed)} bits at least, if {error.printed} was rounded from "
            f"{error.largest:.6g}",
            SIDE_INFORMATION,
        ]
        return "\n".join(lines)
    above = f"{spent.value - claim.rate.upper:.4f} bit"
    decibels = "" if claim.decibels is None else f", {claim.decibels:.2f} dB,"
    if not claim.settled:
        lines.append("verdict: within the bracket of the limit, and so undecided")
    elif spent.value < claim.rate.upper:
        lines.append("verdict: at the limit, as far as its digits say")
    else:
        lines.append(f"verdict: possible; {above}{decibels} above the limit")
    return "\n".join(lines)


def _at_these_bits(claim: AuditedClaim) -> str:
    middle = claim.middle
    return "" if middle is None else f"; {claim.bits.printed} bits allow an error of {middle:.6g}"


def _range(limit: Limit) -> str:
    """A number, or both ends where they differ in four decimals."""
    low, high = f"{limit.lower:.4f}", f"{limit.upper:.4f}"
    return low if low == high else f"{low} to {high}"


def _numbers(path: str) -> np.ndarray:
    from ratedist.tensors.audit import load_numbers
    from ratedist.theory.sources.limits import SOURCES

    if not path.endswith(".npy"):
        raise ValueError(f"source must be {', '.join(SOURCES)}, or a .npy file, got {path!r:.80}")
    return load_numbers(Path(path))


def _as_row(claim: AuditedClaim) -> dict[str, Any]:
    return {
        **dataclasses.asdict(claim),
        "possible": claim.possible,
        "settled": claim.settled,
        "decibels": claim.decibels,
    }


def _print_json(content: dict[str, Any]) -> None:
    import json

    def finite(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: finite(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [finite(one) for one in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    print(json.dumps(finite(content), indent=2, ensure_ascii=False, allow_nan=False))
