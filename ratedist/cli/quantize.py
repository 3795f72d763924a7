"""``ratedist quantize`` and ``ratedist dequantize``: safetensors to .rdz and back."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import tyro

from ratedist.cli.stopwatch import Stopwatch
from ratedist.files import require_writable


@dataclasses.dataclass(frozen=True)
class QuantizeCommand:
    """Quantise the weights of a model in a safetensors file, and write labels and codebooks as .rdz."""

    model: tyro.conf.Positional[Path]
    """The safetensors file."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The .rdz file to write."""
    num_clusters: Annotated[int, tyro.conf.arg(aliases=["-k"])] = 16
    """K, the number of values that the weights of a tensor can take."""
    bits_per_weight: float | None = None
    """In place of K, a budget: mean bits a quantised weight, codebooks included, shared out among tensors."""
    importance: Path | None = None
    """Safetensors file with an importance for each weight (a Hessian diagonal), by name of the tensor."""
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
    seed: int = 0
    """Of the random start that block_length > 1 needs."""

    def run(self) -> None:
        """Quantise, write, and say what came out."""
        require_writable(self.out.parent)
        from ratedist.model_files import inspect_file, quantize_file
        from ratedist.tensors import QuantizationConfig

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
        )
        stopwatch = Stopwatch()
        quantize_file(self.model, self.out, config, self.importance, progress=sys.stderr.isatty())
        stopwatch.lap("quantising and coding")
        _, ratios = inspect_file(self.out)
        stopwatch.lap("verification")
        print(f"written: {self.out}, compression ratios: {ratios}")
        print(stopwatch)


@dataclasses.dataclass(frozen=True)
class DequantizeCommand:
    """Write the weights of a .rdz file as safetensors, with the names, dtypes and shapes of the model."""

    file: tyro.conf.Positional[Path]
    """The .rdz file."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The safetensors file to write."""

    def run(self) -> None:
        """Decode and write."""
        require_writable(self.out.parent)
        from ratedist.model_files import dequantize_file

        dequantize_file(self.file, self.out, progress=sys.stderr.isatty())
        print(f"written: {self.out}")
