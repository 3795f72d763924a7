"""The stack of a bits-back message: an auxiliary message goes in, and comes out when all is undone."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ratedist.codes.ans import require_constriction
from ratedist.codes.bits_back_frame import WORD, sealed_words
from ratedist.codes.cells import Grid, LogMass, push_cells
from ratedist.codes.interval_masses import gaussian_log_mass

# Words of the coder's own state.
STATE_WORDS = 2
OTHER_LAWS = (
    "the message does not decode to what was sent: prior and posterior must be the sender's to the last "
    "digit, computed by the same versions of NumPy and SciPy"
)


class CodePrior(Protocol):
    """What a code needs of a prior."""

    def log_mass(self, weights: ArrayLike, step: ArrayLike) -> np.ndarray:
        """ln of the mass of intervals of this width around these centres."""
        ...


def require_law(prior: Any) -> None:
    """Raise ``ValueError`` for what has no ``log_mass``, or is the class of a prior."""
    if isinstance(prior, type) or not callable(getattr(prior, "log_mass", None)):
        raise ValueError(
            f"prior must have a log_mass, as rd.theory.GaussianPrior(1.0) has, got {type(prior).__name__}"
        )


def coder_with(auxiliary: bytes) -> Any:
    """A stack that holds an auxiliary message.

    Raises:
        ValueError: what is no bytes; ``constriction`` not installed.
    """
    if not isinstance(auxiliary, bytes):
        raise ValueError(f"auxiliary must be bytes, got {type(auxiliary).__name__}")
    return require_constriction().stream.stack.AnsCoder(sealed_words(auxiliary), seal=True)


def require_unspent(coder: Any, drawn_bits: float, auxiliary: bytes) -> None:
    """Raise ``ValueError`` if a draw took all of an auxiliary message: the rest of it was then no chance."""
    if drawn_bits > 0 and coder.num_words() < STATE_WORDS:
        raise ValueError(
            f"auxiliary must have enough bits to draw the weights, about {drawn_bits:.0f} and 64 more, "
            f"got {8 * len(auxiliary)}; see bits_back_initial_bytes"
        )


def undrawn(coder: Any, cells: np.ndarray, grid: Grid, masses: LogMass) -> None:
    """Put a draw back on the stack, as the bits that it was made from."""
    try:
        push_cells(coder, cells, grid, masses, draw=True)
    except ValueError:
        raise ValueError(OTHER_LAWS) from None


def recovered(coder: Any, num_bytes: int) -> bytes:
    """The auxiliary message, once everything else is off the stack."""
    try:
        words = coder.get_compressed(unseal=True)
    except Exception:  # of a class that constriction does not export
        raise ValueError(OTHER_LAWS) from None
    content = words.astype(WORD).tobytes()
    if sealed_words(content[:num_bytes]).size != words.size or any(content[num_bytes:]):
        raise ValueError(OTHER_LAWS)
    return content[:num_bytes]


def gaussian_masses(mean: np.ndarray, scale: np.ndarray) -> LogMass:
    """Masses under N(μ, s²), of shape ``(N,)`` each."""
    mu, s = mean.ravel(), scale.ravel()
    return lambda centers, width, part: gaussian_log_mass(centers - mu[part], width, s[part])


def prior_masses(prior: CodePrior) -> LogMass:
    """Masses under the same law for all."""
    return lambda centers, width, part: prior.log_mass(centers, width)
