"""The labels of a linear model as a message: the weights first, by bits back from their exact posterior.

Labels y = Xw + noise, noise ~ N(0, σ²), weights with prior N(0, τ²). The sender draws weights from their
posterior given the labels, sends the labels by N(Xw, σ²) and the weights by the prior. The receiver, who has
X, reads weights and labels, can then tell the posterior, and gets the bits of the draw back. With the exact
posterior every draw costs the same in the end: −log₂ of the labels' probability with the weights averaged
out, the evidence. No choice of weights is paid for.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular

from ratedist import _checks
from ratedist.codes.ans import require_constriction
from ratedist.codes.bits_back import MARGIN, BitsBackCode, bits_back_initial_bytes, bits_back_step
from ratedist.codes.bits_back_frame import digest, unwrap, wrap
from ratedist.codes.bits_back_stack import (
    OTHER_LAWS,
    coder_with,
    gaussian_masses,
    recovered,
    require_unspent,
    undrawn,
)
from ratedist.codes.cells import Grid, pop_cells, push_cells
from ratedist.codes.interval_masses import gaussian_log_mass

KIND = 2
# σ², τ, step and depth of labels and of weights, bytes of the auxiliary message, digest, n, d.
FIELDS = struct.Struct("<dddBdBQ16sQQ")
# Means are rounded to this part of a step, scales to so many bits: sender and receiver may then differ in the
# last digits of their linear algebra, which they do on different machines.
MEANS_PER_STEP = 1024
SCALE_BITS = 20


@dataclasses.dataclass(frozen=True, eq=False)
class LabelMessage:
    """What is in a message of labels.

    Attributes:
        labels: shape ``(n,)``, multiples of the label step.
        weights: the draw that they were sent with, shape ``(d,)``.
        auxiliary: the message that came back.
    """

    labels: np.ndarray
    weights: np.ndarray
    auxiliary: bytes


@dataclasses.dataclass(frozen=True, eq=False)
class _Setting:
    """What both sides know before labels and weights."""

    inputs: np.ndarray
    noise_variance: float
    prior_scale: float
    labels: Grid
    weights: Grid


def encode_labels(
    inputs: ArrayLike,
    labels: ArrayLike,
    noise_variance: float,
    prior_scale: float,
    auxiliary: bytes,
    label_step: float,
    weight_step: float | None = None,
) -> BitsBackCode:
    """Labels given inputs, as bytes: in the end about −log₂ p(y|X) bits, at a step that is small against σ.

    Args:
        inputs: X, shape ``(n, d)``; the receiver has them.
        labels: y, shape ``(n,)``; they are rounded to multiples of the label step.
        noise_variance: σ² > 0 of a label given the weights.
        prior_scale: τ > 0 of the weights' prior N(0, τ²).
        auxiliary: bytes that look random, enough of them: see :func:`label_initial_bytes`.
        label_step: δ > 0 of the labels.
        weight_step: δ > 0 of the weights; ``None`` for an eighth of the narrowest conditional posterior.

    Returns:
        :class:`ratedist.codes.BitsBackCode`; ``weights`` is the draw.

    Raises:
        ValueError: shapes that disagree, values that are not finite or not above zero, more than 2^51 cells,
            an auxiliary message that is too short, ``constriction`` not installed.

    Source: Hinton & van Camp 1993; docs/description-length.md.

    Example:
        >>> import numpy as np, ratedist as rd
        >>> generator = np.random.default_rng(0)
        >>> inputs = generator.normal(size=(80, 5))
        >>> labels = inputs @ np.ones(5) + generator.normal(size=80)
        >>> auxiliary = generator.bytes(rd.codes.label_initial_bytes(inputs, 1.0, 1.0))
        >>> code = rd.codes.encode_labels(inputs, labels, 1.0, 1.0, auxiliary, label_step=2**-4)
        >>> message = rd.codes.decode_labels(code.payload, inputs)
        >>> bool(np.abs(message.labels - labels).max() <= 2**-5), message.auxiliary == auxiliary
        (True, True)
    """
    X = _inputs(inputs)
    y = _checks.real_array("labels", labels)
    if y.shape != X.shape[:1]:
        raise ValueError(f"labels must have shape ({len(X)},), one for each row of inputs, got {y.shape}")
    s2, tau = _positive(noise_variance=noise_variance, prior_scale=prior_scale)
    (label_step,) = _positive(label_step=label_step)
    label_grid = Grid.covering(float(np.abs(y).max()) + MARGIN * s2**0.5, label_step)
    label_cells = label_grid.cells(y)
    posterior = _Posterior.given(X, label_grid.values(label_cells), s2, tau)
    step = bits_back_step(posterior.scales) if weight_step is None else weight_step
    weight_grid = Grid.covering(posterior.largest, *_positive(weight_step=step)).beyond(
        lambda center, width: gaussian_log_mass(center, width, tau)
    )
    setting = _Setting(X, s2, tau, label_grid, weight_grid)
    coder = coder_with(auxiliary)
    cells, drawn = _draw(coder, posterior, weight_grid)
    require_unspent(coder, drawn, auxiliary)
    spent = push_cells(coder, label_cells, label_grid, _label_masses(setting, cells))
    spent += push_cells(coder, cells, weight_grid, _weight_masses(setting))
    fields = FIELDS.pack(
        s2, tau, label_grid.step, label_grid.depth, weight_grid.step, weight_grid.depth,
        len(auxiliary), _digest(cells, label_cells, auxiliary), *X.shape,
    )  # fmt: skip
    words = coder.get_compressed()
    payload = wrap(KIND, fields, words)
    return BitsBackCode(
        payload,
        weight_grid.values(cells),
        8 * len(auxiliary),
        drawn,
        spent,
        8 * (len(payload) - words.nbytes),
    )


def decode_labels(payload: bytes, inputs: ArrayLike) -> LabelMessage:
    """Inverse of ``encode_labels``.

    Args:
        payload: of ``encode_labels``.
        inputs: X, the sender's, shape ``(n, d)``.

    Returns:
        :class:`LabelMessage`: labels, weights and the auxiliary message.

    Raises:
        ValueError: a message that is damaged or is none, other inputs than the sender's, ``constriction`` not
            installed.

    Example:
        >>> import ratedist as rd
        >>> inputs, labels, auxiliary = [[1.0], [2.0], [-1.0]], [0.9, 2.1, -1.2], bytes(range(64))
        >>> code = rd.codes.encode_labels(inputs, labels, 0.1, 1.0, auxiliary, label_step=0.25)
        >>> rd.codes.decode_labels(code.payload, inputs).labels
        array([ 1.  ,  2.  , -1.25])
    """
    X = _inputs(inputs)
    fields, words = unwrap(payload, KIND)
    if len(fields) != FIELDS.size:
        raise ValueError("the fields of the bits-back message are not those of labels")
    s2, tau, *grids, num_bytes, content, n, d = FIELDS.unpack(fields)
    if X.shape != (n, d):
        raise ValueError(f"inputs must have the sender's shape, {(n, d)}, got {X.shape}")
    s2, tau = _positive(noise_variance=s2, prior_scale=tau)
    setting = _Setting(X, s2, tau, Grid(*grids[:2]), Grid(*grids[2:]))
    coder = require_constriction().stream.stack.AnsCoder(words)
    cells, _ = pop_cells(coder, d, setting.weights, _weight_masses(setting))
    label_cells, _ = pop_cells(coder, n, setting.labels, _label_masses(setting, cells))
    labels = setting.labels.values(label_cells)
    _undraw(coder, _Posterior.given(X, labels, s2, tau), cells, setting.weights)
    auxiliary = recovered(coder, num_bytes)
    if _digest(cells, label_cells, auxiliary) != content:
        raise ValueError(OTHER_LAWS)
    return LabelMessage(labels, setting.weights.values(cells), auxiliary)


def label_initial_bytes(
    inputs: ArrayLike, noise_variance: float, prior_scale: float, weight_step: float | None = None
) -> int:
    """Bytes of an auxiliary message that are enough for :func:`encode_labels`; labels do not matter.

    Args:
        inputs: X, shape ``(n, d)``.
        noise_variance: σ² > 0.
        prior_scale: τ > 0.
        weight_step: δ > 0 of the weights; ``None`` for an eighth of the narrowest conditional posterior.

    Raises:
        ValueError: inputs of another shape or not finite, σ², τ or δ not above zero.

    Example:
        >>> import ratedist as rd
        >>> rd.codes.label_initial_bytes([[1.0], [2.0], [-1.0]], 0.1, 1.0)
        16
    """
    X = _inputs(inputs)
    s2, tau = _positive(noise_variance=noise_variance, prior_scale=prior_scale)
    return bits_back_initial_bytes(_Posterior.given(X, np.zeros(len(X)), s2, tau).scales, weight_step)


@dataclasses.dataclass(frozen=True, eq=False)
class _Posterior:
    """``N(m, σ²(XᵀX + λI)⁻¹)``, λ = σ²/τ², through ``XᵀX + λI = LLᵀ``.

    Given the later coordinates, w_i has the mean ``m_i − Σ_{j>i} L_ji (w_j − m_j)/L_ii`` and the
    scale σ/L_ii.
    """

    mean: np.ndarray
    factor: np.ndarray
    scales: np.ndarray
    largest: float

    @classmethod
    def given(
        cls, inputs: np.ndarray, labels: np.ndarray, noise_variance: float, prior_scale: float
    ) -> _Posterior:
        with np.errstate(over="ignore"):
            penalties = np.full(inputs.shape[1], np.square(noise_variance**0.5 / prior_scale))
            penalized = inputs.T @ inputs + np.diag(penalties)
        try:
            L = np.linalg.cholesky(_checks.real_array("XᵀX + σ²/τ²·I", penalized))
        except np.linalg.LinAlgError:
            raise ValueError(
                "XᵀX + σ²/τ²·I must be positive definite in double precision: inputs are too nearly "
                "dependent for so wide a prior"
            ) from None
        half = solve_triangular(L, inputs.T @ labels, lower=True)
        mean = solve_triangular(L, half, lower=True, trans=1)
        sigma = noise_variance**0.5
        inverse = solve_triangular(L, np.eye(len(L)), lower=True)
        widest = sigma * float(np.sqrt(np.sum(inverse**2, axis=0)).max())
        mantissas, exponents = np.frexp(sigma / np.diag(L))
        scales = np.ldexp(np.rint(np.ldexp(mantissas, SCALE_BITS)), exponents - SCALE_BITS)
        return cls(mean, L, scales, float(np.abs(mean).max()) + MARGIN * widest)

    def conditional_mean(self, i: int, later: np.ndarray, step: float) -> np.ndarray:
        """Of coordinate i given those behind it, rounded; shape ``(1,)``."""
        moved = self.factor[i + 1 :, i] @ (later - self.mean[i + 1 :]) / self.factor[i, i]
        return _rounded(self.mean[i : i + 1] - moved, step)


def _draw(coder: Any, posterior: _Posterior, grid: Grid) -> tuple[np.ndarray, float]:
    cells, bits = np.zeros(posterior.mean.size, np.int64), 0.0
    for i in reversed(range(cells.size)):
        mean = posterior.conditional_mean(i, grid.values(cells[i + 1 :]), grid.step)
        masses = gaussian_masses(mean, posterior.scales[i : i + 1])
        cells[i : i + 1], taken = pop_cells(coder, 1, grid, masses, draw=True)
        bits += taken
    return cells, bits


def _undraw(coder: Any, posterior: _Posterior, cells: np.ndarray, grid: Grid) -> None:
    for i in range(cells.size):
        mean = posterior.conditional_mean(i, grid.values(cells[i + 1 :]), grid.step)
        undrawn(coder, cells[i : i + 1], grid, gaussian_masses(mean, posterior.scales[i : i + 1]))


def _label_masses(setting: _Setting, cells: np.ndarray) -> Any:
    mean = _rounded(setting.inputs @ setting.weights.values(cells), setting.labels.step)
    return gaussian_masses(mean, np.full(len(mean), setting.noise_variance**0.5))


def _weight_masses(setting: _Setting) -> Any:
    d = setting.inputs.shape[1]
    return gaussian_masses(np.zeros(d), np.full(d, setting.prior_scale))


def _rounded(mean: np.ndarray, step: float) -> np.ndarray:
    fine = step / MEANS_PER_STEP
    return np.rint(mean / fine) * fine


def _digest(cells: np.ndarray, label_cells: np.ndarray, auxiliary: bytes) -> bytes:
    return digest(cells.astype("<i8").tobytes(), label_cells.astype("<i8").tobytes(), auxiliary)


def _inputs(inputs: ArrayLike) -> np.ndarray:
    X = _checks.real_array("inputs", inputs)
    if X.ndim != 2 or not X.size:
        raise ValueError(f"inputs must have shape (n, d), got {X.shape}")
    return X


def _positive(**numbers: Any) -> tuple[float, ...]:
    return tuple(_checks.positive_number(name, value) for name, value in numbers.items())
