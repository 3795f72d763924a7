"""Bits back on real bits: weights as a sample of their posterior, drawn with the bits of another message.

A stack of bits holds an auxiliary message. The sender pops a sample from it by the posterior, and pushes the
sample by the prior: the stack is the message. The receiver pops the sample by the prior, and pushes it by the
posterior: what is left is the auxiliary message. It paid for part of the sample, and comes back whole.
"""

from __future__ import annotations

import dataclasses
import math
import struct
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.codes.ans import require_constriction
from ratedist.codes.bits_back_frame import digest, unwrap, wrap
from ratedist.codes.bits_back_stack import (
    OTHER_LAWS,
    STATE_WORDS,
    CodePrior,
    coder_with,
    gaussian_masses,
    prior_masses,
    recovered,
    require_law,
    require_unspent,
    undrawn,
)
from ratedist.codes.cells import Grid, pop_cells, push_cells

KIND = 1
# Step, depth, bytes of the auxiliary message, digest of sample and auxiliary message, dimensions; then sizes.
FIELDS = struct.Struct("<dBQ16sB")
# Cells within a standard deviation of the narrowest posterior. What is lost to a step δ is near δ²/24s² nats.
CELLS_PER_SCALE = 8
# Standard deviations of a posterior that the grid covers, and of its surprise that auxiliary bits cover.
MARGIN = 10
# The size of a message bounds what reading it can take.
WEIGHTS_PER_BYTE = 1024
LARGEST = float(np.finfo(np.float64).max)


@dataclasses.dataclass(frozen=True, eq=False)
class BitsBackCode:
    """Weights as a message, and what it took.

    Attributes:
        payload: the message.
        weights: the sample that it holds.
        initial_bits: of the auxiliary message, which comes back.
        drawn_bits: of the auxiliary message that went into the sample, by the probabilities of the coder.
        spent_bits: that the sample, and whatever is sent with it, take by the probabilities of the coder.
        header_bits: of the message that are no part of its stack.
    """

    payload: bytes
    weights: np.ndarray
    initial_bits: int
    drawn_bits: float
    spent_bits: float
    header_bits: int

    @property
    def num_bits(self) -> int:
        """Of the message."""
        return 8 * len(self.payload)

    @property
    def net_bits(self) -> int:
        """What the message has more bits than the auxiliary message that comes back out of it."""
        return self.num_bits - self.initial_bits


def bits_back_step(scale: ArrayLike) -> float:
    """The power of two at or below an eighth of the smallest posterior scale.

    Args:
        scale: s > 0 of the posterior, any shape.

    Raises:
        ValueError: no scales, or scales not above zero.

    Example:
        >>> import ratedist as rd
        >>> rd.codes.bits_back_step([0.3, 0.05])
        0.00390625
    """
    s = _checks.in_range("scale", scale, high=LARGEST, open_low=True)
    if not s.size:
        raise ValueError("scale must hold at least one number, got none")
    return max(
        2.0 ** math.floor(math.log2(float(s.min())) - math.log2(CELLS_PER_SCALE)), float(np.finfo(float).tiny)
    )


def bits_back_initial_bytes(scale: ArrayLike, step: float | None = None) -> int:
    """Bytes of an auxiliary message that are enough to draw weights with these posterior scales.

    ``Σ ½ log₂(2πe(s²/δ² + 1/12))`` bits on average at most, and a margin that chance exceeds once in 10¹⁵.

    Args:
        scale: s > 0 of the posterior, of the shape of the weights.
        step: δ > 0 of the grid; ``None`` for that of ``bits_back_step``.

    Raises:
        ValueError: scales or a step not above zero.

    Example:
        >>> import numpy as np, ratedist as rd
        >>> rd.codes.bits_back_initial_bytes(np.full(1000, 0.05))
        768
    """
    delta = bits_back_step(scale) if step is None else _checks.positive_number("step", step)
    s = np.asarray(scale, dtype=np.float64)
    with np.errstate(over="ignore", under="ignore"):
        entropy = np.log2(np.hypot(s / delta, 12**-0.5)) + math.log2(2 * math.pi * math.e) / 2
    if not np.all(np.isfinite(entropy)):
        raise ValueError(f"step must be at least the largest scale over 1.8e308, got {delta:g}")
    bits = float(entropy.sum()) + MARGIN * s.size**0.5 + 32 * (STATE_WORDS + 1)
    return math.ceil(bits / 32) * 4


def bits_back_encode(
    mean: ArrayLike, scale: ArrayLike, prior: CodePrior, auxiliary: bytes, step: float | None = None
) -> BitsBackCode:
    """Weights drawn from N(μ, s²) with the bits of an auxiliary message, and sent by a prior.

    The message is longer than the auxiliary one by ``KL(N(μ, s²) ‖ prior)/ln 2`` bits on average, rounded to
    words, and by the header. That holds for steps small against s; for s small against the step the sample is
    the nearest grid point, and nothing comes back.

    Args:
        mean: μ of the posterior, any shape.
        scale: s > 0 of the posterior, one number or of the shape of the means.
        prior: of each weight, for instance ``rd.theory.GaussianPrior``; the receiver needs the same.
        auxiliary: bytes that look random, as compressed or encrypted ones do: they choose the sample.
        step: δ > 0 of the grid that the sample is on; ``None`` for that of ``bits_back_step``.

    Returns:
        :class:`BitsBackCode`.

    Raises:
        ValueError: means that are not finite, scales or a step not above zero, shapes that disagree, more
            than 2^51 cells, an auxiliary message that is too short, ``constriction`` not installed.

    Source: Hinton & van Camp 1993; Townsend, Bird & Barber 2019, arXiv:1901.04866.

    Example:
        >>> import numpy as np, ratedist as rd
        >>> generator = np.random.default_rng(0)
        >>> mean, scale = generator.normal(size=1000), np.full(1000, 0.05)
        >>> auxiliary = generator.bytes(rd.codes.bits_back_initial_bytes(scale))
        >>> prior = rd.theory.GaussianPrior(1.0)
        >>> code = rd.codes.bits_back_encode(mean, scale, prior, auxiliary)
        >>> weights, returned = rd.codes.bits_back_decode(code.payload, prior, mean, scale)
        >>> bool((weights == code.weights).all()), returned == auxiliary
        (True, True)
    """
    require_law(prior)
    mu, s = _posterior(mean, scale)
    delta = bits_back_step(s) if step is None else _checks.positive_number("step", step)
    with np.errstate(over="ignore"):
        largest = float(np.max(np.abs(mu) + MARGIN * s))
    grid = Grid.covering(largest, delta).beyond(prior.log_mass)
    coder = coder_with(auxiliary)
    cells, drawn = pop_cells(coder, mu.size, grid, gaussian_masses(mu, s), draw=True)
    require_unspent(coder, drawn, auxiliary)
    spent = push_cells(coder, cells, grid, prior_masses(prior))
    fields = FIELDS.pack(
        grid.step, grid.depth, len(auxiliary), digest(cells.astype("<i8").tobytes(), auxiliary), mu.ndim
    ) + struct.pack(f"<{mu.ndim}Q", *mu.shape)
    words = coder.get_compressed()
    payload = wrap(KIND, fields, words)
    if cells.size > WEIGHTS_PER_BYTE * len(payload):
        raise ValueError(
            f"{cells.size} weights take {len(payload)} bytes: fewer than one for {WEIGHTS_PER_BYTE} weights, "
            "which a receiver would refuse; a smaller step is needed"
        )
    return BitsBackCode(
        payload,
        grid.values(cells).reshape(mu.shape),
        8 * len(auxiliary),
        drawn,
        spent,
        8 * (len(payload) - words.nbytes),
    )


def bits_back_sample(payload: bytes, prior: CodePrior) -> np.ndarray:
    """The weights in a message, for a receiver who does not know their posterior yet.

    Args:
        payload: of ``bits_back_encode``.
        prior: the sender's.

    Returns:
        float64 of the shape of the sender's means.

    Raises:
        ValueError: a message that is damaged or is none; ``constriction`` not installed. Another prior than
            the sender's is seen by ``bits_back_decode``, not here.

    Example:
        >>> import ratedist as rd
        >>> prior, auxiliary = rd.theory.GaussianPrior(1.0), bytes(range(64))
        >>> code = rd.codes.bits_back_encode([0.3, -1.2], 0.1, prior, auxiliary)
        >>> bool((rd.codes.bits_back_sample(code.payload, prior) == code.weights).all())
        True
    """
    received = _received(payload, prior)
    return received.grid.values(received.cells).reshape(received.shape)


def bits_back_decode(
    payload: bytes, prior: CodePrior, mean: ArrayLike, scale: ArrayLike
) -> tuple[np.ndarray, bytes]:
    """Inverse of ``bits_back_encode``: the weights, and the auxiliary message that comes back.

    Args:
        payload: of ``bits_back_encode``.
        prior: the sender's.
        mean: μ of the posterior, the sender's to the last digit.
        scale: s > 0 of the posterior, the sender's to the last digit.

    Returns:
        The weights, float64 of the shape of the means, and the auxiliary bytes.

    Raises:
        ValueError: a message that is damaged or is none, another prior or posterior than the sender's,
            ``constriction`` not installed.

    Example:
        >>> import ratedist as rd
        >>> prior, auxiliary = rd.theory.GaussianPrior(1.0), bytes(range(64))
        >>> code = rd.codes.bits_back_encode([0.3, -1.2], 0.1, prior, auxiliary)
        >>> weights, returned = rd.codes.bits_back_decode(code.payload, prior, [0.3, -1.2], 0.1)
        >>> returned == auxiliary
        True
    """
    mu, s = _posterior(mean, scale)
    received = _received(payload, prior)
    if mu.shape != received.shape:
        raise ValueError(f"mean must have the shape of the weights, {received.shape}, got {mu.shape}")
    undrawn(received.coder, received.cells, received.grid, gaussian_masses(mu, s))
    auxiliary = recovered(received.coder, received.auxiliary_bytes)
    if digest(received.cells.astype("<i8").tobytes(), auxiliary) != received.digest:
        raise ValueError(OTHER_LAWS)
    return received.grid.values(received.cells).reshape(received.shape), auxiliary


@dataclasses.dataclass(frozen=True, eq=False)
class _Received:
    """A message whose weights have been taken off the stack."""

    coder: Any
    grid: Grid
    cells: np.ndarray
    shape: tuple[int, ...]
    auxiliary_bytes: int
    digest: bytes


def _received(payload: bytes, prior: CodePrior) -> _Received:
    require_law(prior)
    fields, words = unwrap(payload, KIND)
    try:
        step, depth, auxiliary_bytes, content, ndim = FIELDS.unpack_from(fields)
        shape = struct.unpack(f"<{ndim}Q", fields[FIELDS.size :])
    except struct.error:
        raise ValueError("the fields of the bits-back message are not those of weights") from None
    grid, size = Grid(step, depth), math.prod(shape)
    if size > WEIGHTS_PER_BYTE * len(payload):
        raise ValueError(f"a bits-back message of {len(payload)} bytes says that it has {size} weights")
    coder = require_constriction().stream.stack.AnsCoder(words)
    cells, _ = pop_cells(coder, size, grid, prior_masses(prior))
    return _Received(coder, grid, cells, shape, auxiliary_bytes, content)


def _posterior(mean: ArrayLike, scale: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    mu = _checks.real_array("mean", mean)
    s = _checks.in_range("scale", scale, high=LARGEST, open_low=True)
    if s.shape not in ((), mu.shape) or not mu.size:
        raise ValueError(
            "scale must be one number or of the shape of mean, which has at least one, "
            f"got {s.shape} and {mu.shape}"
        )
    return mu, np.broadcast_to(s, mu.shape)
