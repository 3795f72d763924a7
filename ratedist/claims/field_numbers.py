"""Published numbers of quantisers of textbook sources, as they were printed.

Sources have unit variance, and errors are mean squares. What is not in the list was not to be found in print.
So it is with the decibels of trellis-coded quantisation for the Gaussian source (Marcellin & Fischer 1990):
the abstract alone could be read, which has a number for the uniform source. Formats without a printed error
are here with the error of their published levels, computed on 4 million draws.
"""

from __future__ import annotations

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class FieldNumber:
    """A number somebody printed.

    Attributes:
        name: of the quantiser.
        where: it was printed.
        source: "gaussian", "laplace" or "uniform".
        bits: a number, as stated.
        mse: the mean squared error as printed; how many digits it has says how it may have been rounded.
        spent: bits a number that were spent, if more than those stated.
        scalar: whether it is of a scalar quantiser at a fixed rate, which can be no better than Lloyd's and
            Max's with as many levels.
    """

    name: str
    where: str
    source: str
    bits: float
    mse: str
    spent: float | None = None
    scalar: bool = False


def _rows(
    name: str, where: str, numbers: dict[float, str], source: str = "gaussian", scalar: bool = False
) -> tuple[FieldNumber, ...]:
    return tuple(FieldNumber(name, where, source, bits, mse, scalar=scalar) for bits, mse in numbers.items())


def _at_high_rate(name: str, gap: float, digits: int) -> FieldNumber:
    """A gap to the limit in bits that holds at high rate, as an error at ten bits."""
    bits = 10.0
    # So many digits that rounding of the error is that of the gap.
    mse = f"{2 ** (-2 * (bits - gap)):.{digits - 1}e}"
    return FieldNumber(name, "second moments: Conway & Sloane", "gaussian", bits, mse)


LLOYD_MAX = "Max 1960"
TWO_METHODS = "computed by two methods"
Q_PALETTE = "Q-Palette, assets/quant_err.pt"
LLVQ = "LLVQ, tables 3 and 8"
TURBO = "TurboQuant, README"
# "Within 0.21 dB of the distortion–rate bound at all positive (integral) rates": D(R) times 10^0.021.
TRELLIS_CODED = "Marcellin & Fischer 1990, abstract: 0.21 dB"
FORMATS = "levels as published; error computed (benchmarks/formats.py)"

FIELD: tuple[FieldNumber, ...] = (
    *_rows("Lloyd–Max", LLOYD_MAX, {2: ".11748", 3: ".034548", 4: ".009501"}, scalar=True),
    *_rows("Two-dimensional VQ", Q_PALETTE, {2: ".10859", 3: ".029717", 4: ".0077553"}),
    *_rows(
        "Trellis of the QTIP kind",
        Q_PALETTE,
        {
            1: ".28271",
            1.5: ".14034",
            2: ".07101",
            2.5: ".03631",
            3: ".018913",
            3.5: ".010177",
            4: ".0059012",
            5: ".0016160",
        },
    ),
    *_rows("QTIP 3INST", "glq, benchmarks", {2: ".069"}),
    *_rows("QuIP# E8P", "quip-sharp, scripts/plot_lattice.py", {2: ".0915"}),
    *_rows("Leech, shape and gain", LLVQ, {2: ".078"}),
    *_rows("Leech, spherical", LLVQ, {2: ".084"}),
    *_rows("E8, cubic", LLVQ, {2: ".103"}),
    *_rows("Leech, 49 bits for 24", "llvq, README", {49 / 24: ".0725"}),
    *_rows("TurboQuant", TURBO, {1: ".36", 2: ".117", 3: ".03", 4: ".009"}, scalar=True),
    FieldNumber('A "2-bit" report', "a study by glq's author", "gaussian", 2, ".0612", spent=2.5),
    *_rows("Entropy-coded uniform", TWO_METHODS, {2: ".088941", 3: ".022239", 4: ".005560"}),
    *_rows("Entropy-coded scalar", TWO_METHODS, {1: ".348261", 2: ".0889235"}),
    _at_high_rate("Entropy-coded lattice Z", 0.2546, 4),
    _at_high_rate("Entropy-coded lattice A2", 0.2269, 4),
    _at_high_rate("Entropy-coded lattice D4", 0.1939, 4),
    _at_high_rate("Entropy-coded lattice E8", 0.146, 3),
    _at_high_rate("Entropy-coded lattice Λ24", 0.0839, 4),
    *_rows(
        "Lloyd–Max",
        TWO_METHODS,
        {1: ".5", math.log2(3): ".2642411177", 2: ".1761948811", 3: ".0544759879", 4: ".0153725271"},
        "laplace",
        scalar=True,
    ),
    *_rows("Entropy-coded scalar", TWO_METHODS, {1: ".2617764", 2: ".0729277"}, "laplace"),
    *_rows("Trellis-coded", TRELLIS_CODED, {1: ".2175", 2: ".0498", 3: ".01197"}, "uniform"),
    FieldNumber("NF4, groups of 64", FORMATS, "gaussian", 4, ".00846", spent=4.5),
    FieldNumber("NF4, scales of eight bits", FORMATS, "gaussian", 4, ".00847", spent=4 + 33 / 256),
    FieldNumber("int4, groups of 64", FORMATS, "gaussian", 4, ".0116", spent=4.25),
    *_rows("K equal cells", "closed form 1/K²", {1: ".25", 2: ".0625", 3: ".015625"}, "uniform", scalar=True),
)
