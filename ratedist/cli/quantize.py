"""``ratedist quantize`` and ``ratedist dequantize``: safetensors to .rdz and back."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from ratedist import interruption
from ratedist.cli.closing import Closing, Example
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.files import require_target
from ratedist.tensors.config import QuantizationConfig

SEVERAL = "For several patterns the option is given several times, each with one of them."


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuantizeOptions(QuantizationConfig):
    """How the tensors of the model are quantised, and which of them."""

    # What a command line has beside the record: a short name for K, methods by their names alone, and
    # patterns one at a time.
    num_clusters: Annotated[int | None, tyro.conf.arg(aliases=["-k"])] = None
    method: str | None = None
    include: Annotated[
        tuple[str, ...],
        tyro.conf.arg(
            help="Quantise only tensors whose names are like this pattern (* and ?); all, if none is given. "
            f"{SEVERAL}",
            help_behavior_hint="",
        ),
    ] = ()
    exclude: Annotated[
        tuple[str, ...],
        tyro.conf.arg(
            help=f"Leave tensors whose names are like this pattern (* and ?) as they are. {SEVERAL}",
            help_behavior_hint="",
        ),
    ] = ()


@dataclasses.dataclass(frozen=True)
class QuantizeCommand:
    """Quantise the weights of a model in a safetensors file, and write labels and codebooks as .rdz."""

    closing: ClassVar = Closing(
        "Two seconds for a million weights, five along a trellis of eight states.",
        (
            Example("Sixteen values a tensor", "ratedist quantize model.safetensors -o model.rdz -k 16"),
            Example(
                "A budget of three bits a weight, everything counted",
                "ratedist quantize model.safetensors -o model.rdz --bits-per-weight 3",
            ),
        ),
    )

    model: tyro.conf.Positional[Path]
    """The safetensors file."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The .rdz file to write, for `ratedist dequantize` to read; its folder has to be there. Needed but for
    --dry-run."""
    config: tyro.conf.UseAppendAction[QuantizeOptions] = QuantizeOptions()
    importance: Path | None = None
    """Safetensors file with an importance for each weight (a Hessian diagonal), by name of the tensor. A
    budget goes where importances are large: they have to be comparable between tensors."""
    dry_run: Annotated[tyro.conf.UseCounterAction[int], tyro.conf.arg(help_behavior_hint="")] = 0
    """Say what would come out, and write nothing."""

    def run(self) -> None:
        """Quantise, write, and say what came out."""
        if self.out is None and not self.dry_run:
            raise ValueError("quantize needs --out (-o), the .rdz file to write, or --dry-run")
        if self.out is not None:
            require_target(self.out, [self.model, *([self.importance] if self.importance else [])])
        from ratedist.tensors.inspection import inspect_file
        from ratedist.tensors.model_file import quantize_file

        stopwatch = Stopwatch()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            report = quantize_file(
                self.model,
                self.out,
                self.config,
                importance=self.importance,
                progress=sys.stderr.isatty(),
                dry_run=bool(self.dry_run),
            )
        stopwatch.lap("quantising and coding")
        if self.out is not None:
            interruption.keep(self.out, f"{self.out} was written")
        print(report)
        for warning in caught:
            print(f"warning: {warning.message}", file=sys.stderr)
        if self.dry_run or self.out is None:
            ratios = report.ratios
            print(f"not written (--dry-run): {report.num_bytes:,} bytes")
        else:
            _, ratios = inspect_file(self.out)
            stopwatch.lap("verification")
            print(f"written: {self.out}, {report.num_bytes:,} bytes")
        print(ratios)
        print(stopwatch)


@dataclasses.dataclass(frozen=True)
class DequantizeCommand:
    """Write the weights of a .rdz file as safetensors, with the names, dtypes and shapes of the model."""

    closing: ClassVar = Closing(
        "Seconds for a hundred million weights.",
        (
            Example("The weights of a quantised model", "ratedist dequantize model.rdz -o back.safetensors"),
            Example(
                "The same, when they may fill a gigabyte",
                "ratedist dequantize model.rdz -o back.safetensors --max-megabytes 1000",
            ),
        ),
    )

    file: tyro.conf.Positional[Path]
    """The .rdz file."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The safetensors file to write; its folder has to be there."""
    max_megabytes: float | None = None
    """Largest file to write. If not given, 64 MB or 100 times the .rdz file, whichever is more: what becomes
    larger may have been made to fill a disk."""

    def run(self) -> None:
        """Decode and write."""
        require_target(self.out, [self.file])
        from ratedist import _checks
        from ratedist.tensors.model_file import dequantize_file

        most = None
        if self.max_megabytes is not None:
            most = 1e6 * _checks.positive_number("max_megabytes", self.max_megabytes)
        dequantize_file(self.file, self.out, progress=sys.stderr.isatty(), max_bytes=most)
        print(f"written: {self.out}")
