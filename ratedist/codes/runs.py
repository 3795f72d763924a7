"""Marked places in a row as the runs between them: symbols for an entropy coder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ratedist.codes.bitstream import MAX_SYMBOLS

# Symbols turned into places at once, and places into runs.
CHUNK = 1 << 20
# Longest runs that are tried: powers of two and what lies in the middle between them.
LONGEST = tuple(sorted({1, *(1 << power for power in range(16)), *(3 << power for power in range(15))}))


def run_symbols(marks: np.ndarray, longest: int) -> np.ndarray:
    r"""Runs of unmarked places as symbols 0 … A, A the longest run of one symbol.

    Symbol a < A is a run of a unmarked places and the mark behind it. Symbol A is a run of A unmarked places
    and no mark. A mark behind the last place ends the last run, so that k marks among n places are

    .. math:: k + 1 + \sum_{j=0}^{k} \lfloor g_j / A \rfloor

    symbols, g_j the lengths of the runs. With A = 1 that is a symbol for each place; the A that makes both
    kinds of symbols equally likely gives the code of Golomb.

    Args:
        marks: bool of shape ``(n,)``.
        longest: A >= 1.

    Returns:
        Unsigned integers in the smallest type that holds A.

    Source: Golomb 1966, "Run-length encodings".
    """
    gaps = _gaps(marks)
    ends = np.cumsum(gaps // longest + 1)
    symbols = np.full(int(ends[-1]), longest, np.min_scalar_type(longest))
    symbols[ends - 1] = gaps % longest
    return symbols


def marked_places(symbols: np.ndarray, longest: int, num_places: int) -> np.ndarray:
    """Inverse of ``run_symbols``: marks, bool of shape ``(num_places,)``.

    Raises:
        ValueError: symbols that do not end just behind the last place.
    """
    marks = np.zeros(num_places + 1, dtype=bool)
    if symbols.size == 0 or symbols[-1] == longest:
        raise ValueError("the last run has no end")
    position = 0
    for start in range(0, symbols.size, CHUNK):
        piece = symbols[start : start + CHUNK]
        ends = piece < longest
        after = position + np.cumsum(piece + ends.astype(np.int64))
        position = int(after[-1])
        if position > num_places + 1:
            break
        marks[after[ends] - 1] = True
    if position != num_places + 1:
        raise ValueError(f"the runs are not of {num_places} places")
    return marks[:-1]


def check_run_counts(counts: np.ndarray, num_places: int, num_marks: int) -> None:
    """Raise ``ValueError`` for symbols that occur so often, 0 … A, and are not the runs of so many places.

    Their sums are not trusted to be within 64 bits.
    """
    often = [int(count) for count in counts]
    longest = len(often) - 1
    ends = sum(often[:longest])
    places = sum(count * (run + 1) for run, count in enumerate(often[:longest])) + often[longest] * longest
    if longest < 1 or min(often) < 0 or ends != num_marks + 1 or places != num_places + 1:
        raise ValueError(f"the runs are not of {num_places} places, {num_marks} of them marked")


def best_longest_run(marks: np.ndarray, cost: Callable[[np.ndarray], float]) -> int:
    """The A for which the counts of the symbols cost least, among powers of two and the numbers halfway.

    Args:
        marks: bool of shape ``(n,)``.
        cost: bits of symbols that occur so often, int64 of shape ``(A + 1,)``, model included.
    """
    gaps, often = np.unique(_gaps(marks), return_counts=True)
    enough = int(gaps[-1]) + 1

    def counts(longest: int) -> np.ndarray:
        found = np.zeros(longest + 1, np.int64)
        np.add.at(found, gaps % longest, often)
        found[longest] = int(often @ (gaps // longest))
        return found

    tried = [longest for longest in LONGEST if longest < enough]
    tried += [min(enough, MAX_SYMBOLS - 1)]
    return min(tried, key=lambda longest: (cost(counts(longest)), longest))


def _gaps(marks: np.ndarray) -> np.ndarray:
    """Unmarked places before each mark, and behind the last."""
    return np.diff(np.flatnonzero(marks), prepend=-1, append=marks.size) - 1
