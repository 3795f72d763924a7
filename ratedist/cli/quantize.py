"""``ratedist quantize`` and ``ratedist dequantize``: safetensors to .rdz and back."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from pathlib import Path
from typing import Annotated

import tyro

from ratedist import interruption
from ratedist.cli.stopwatch import Stopwatch
from ratedist.files import require_target


@dataclasses.dataclass(frozen=True)
class QuantizeCommand:
    """Quantise the weights of a model in a safetensors file, and write labels and codebooks as .rdz."""

    model: tyro.conf.Positional[Path]
    """The safetensors file."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The .rdz file to write, needed but for --dry-run; its folder has to be there."""
    num_clusters: Annotated[int | None, tyro.conf.arg(aliases=["-k"])] = None
    """K, the number of values that the weights of a tensor can take; 16 if there is no budget either."""
    bits_per_weight: float | None = None
    """In place of K, a budget for the file: bits for each weight of a quantised tensor, codebooks and header
    included. Tensors left as they are come on top. Each tensor gets its own K, at most 256."""
    min_clusters: int | None = None
    """Fewest clusters that a budget may give a tensor; 2 if not given. 1 makes constants."""
    importance: Path | None = None
    """Safetensors file with an importance for each weight (a Hessian diagonal), by name of the tensor. A
    budget goes where importances are large: they have to be comparable between tensors."""
    method: str | None = None
    """How centres are found: lloyd (if not given), optimal, or algorithm1 as printed in the papers."""
    diameter_penalty: float = 0.0
    """β, the price of the squared diameter of a codebook."""
    relative_penalty: bool = False
    """Take β in units of the total importance of each tensor, free of its scale and size."""
    block_length: int = 1
    """m, the number of weights that share a label."""
    codebook_dtype: str | None = None
    """float32, float16 or bfloat16; as the tensor if not given (float32 for float64)."""
    coder: str = "huffman"
    """huffman, or ans for the entropy coder of the package constriction (ratedist[coding])."""
    include: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Quantise only tensors whose names are like this pattern (* and ?); may be given several times."""
    exclude: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Leave tensors whose names are like this pattern as they are; may be given several times."""
    min_size: int = 1024
    """Leave tensors with fewer weights as they are."""
    seed: int | None = None
    """Of the random start that block_length > 1 needs; 0 if not given."""
    dry_run: tyro.conf.UseCounterAction[int] = 0
    """Say what would come out, and write nothing."""

    def run(self) -> None:
        """Quantise, write, and say what came out."""
        if self.out is None and not self.dry_run:
            raise ValueError("quantize needs --out (-o), the .rdz file to write, or --dry-run")
        if self.out is not None:
            require_target(self.out, [self.model, *([self.importance] if self.importance else [])])
        from ratedist.tensors.model_file import inspect_file, quantize_file
        from ratedist.tensors.tensor import QuantizationConfig

        config = QuantizationConfig(
            self.num_clusters,
            self.bits_per_weight,
            self.diameter_penalty,
            self.block_length,
            self.codebook_dtype,
            self.coder,
            self.include or ("*",),
            self.exclude,
            self.min_size,
            self.seed,
            self.relative_penalty,
            self.method,
            self.min_clusters,
        )
        stopwatch = Stopwatch()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            report = quantize_file(
                self.model, self.out, config, self.importance, sys.stderr.isatty(), bool(self.dry_run)
            )
        stopwatch.lap("quantising and coding")
        if self.out is not None:
            interruption.keep(self.out, f"{self.out} was written")
        print(report)
        for warning in caught:
            print(f"warning: {warning.message}", file=sys.stderr)
        if self.dry_run or self.out is None:
            print(f"not written (--dry-run): {report.num_bytes:,} bytes, compression ratios: {report.ratios}")
        else:
            _, ratios = inspect_file(self.out)
            stopwatch.lap("verification")
            print(f"written: {self.out}, {report.num_bytes:,} bytes, compression ratios: {ratios}")
        print(stopwatch)


@dataclasses.dataclass(frozen=True)
class DequantizeCommand:
    """Write the weights of a .rdz file as safetensors, with the names, dtypes and shapes of the model."""

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
        dequantize_file(self.file, self.out, sys.stderr.isatty(), most)
        print(f"written: {self.out}")
