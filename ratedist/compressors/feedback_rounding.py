"""Rounding of W − w* to a grid: plain, and with the errors fed back through the Hessian."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.compressors.base import Compressed, Context, RateKind, following_weights
from ratedist.compressors.multiples_code import (
    PIVOT_CELLS,
    checked_code,
    expected_pivots,
    multiples_code,
    pivots_code,
)
from ratedist.compressors.nearest_plane import ONE_STATE, nearest_plane, ordered_factor
from ratedist.compressors.precision import traced_number
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.multi_output import single_output
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.pytrees import register_record
from ratedist.quantizers.trellis.convolutional import Trellis, trellis_of

Order = Literal["given", "smallest_pivot_first"]
Steps = Literal["equal", "expected_pivots", "pivots"]

MOST_PATHS = 1024


@dataclasses.dataclass(frozen=True)
class CenteredRounding:
    r"""``Ŵ = w* + δ·round((W − w*)/δ)``, entropy-coded; encoder and decoder know the law of W, so w* too.

    With a multiplier λ each weight takes the multiple of least ``(x − δk)² + λ·(nats of k)``.

    Args:
        step: δ above 0.
        multiplier: λ at least 0, the squared error of a weight that one nat has to save.
        code_lengths: nats of the multiples −K, …, K, an odd number of them, one code for all weights. The sum
            of e^{−length} must be at most 1. ``None`` stands for −ln P(cell) under the exact law of each
            weight, Student's t of n − d + 1 degrees of freedom.

    Rate: ``code_length``, the sum of the multiples' lengths, that of a code the decoder has. Multiples beyond
        the code are cut off to its last one.

    Source: docs/seeing-the-data.md §2.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=20, w_star=rd.two_level_weights(4))
        >>> rd.CenteredRounding(step=0.5).bounding_rates(model)
        {'code_length': 'code_length'}
    """

    step: float
    multiplier: float = 0.0
    code_lengths: tuple[float, ...] | None = None

    markov = True
    needs = frozenset({"model"})

    def __post_init__(self) -> None:
        object.__setattr__(self, "code_lengths", checked_code(self.step, self.multiplier, self.code_lengths))

    def prepare(self, model: LinearModel) -> PreparedCentered:
        """The table of code lengths; step and multiplier become traced values."""
        one = single_output("rounding of W − w*", model)
        steps = np.full(one.d, float(self.step))
        return PreparedCentered(
            traced_number("step", self.step),
            traced_number("multiplier", self.multiplier),
            jnp.asarray(multiples_code(one, steps, self.code_lengths)[0], jnp.result_type(float)),
        )

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """All: the multiples end somewhere, and W does not."""
        return following_weights(model, *RISK_NAMES)

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """None: the length is counted in every trial."""
        return {}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The length of a code that the decoder has."""
        return {"code_length": "code_length"}


@dataclasses.dataclass(frozen=True)
class FeedbackRounding:
    r"""Rounding of W − w* to a grid, each error fed back through the Cholesky factor of the Hessian.

    It looks for multiples k of small ``(x − δk)ᵀ(A/n)(x − δk) + λ·(nats of k)``, x = W − w*, weight by weight
    from the last to the first. This is Babai's nearest plane, known in quantisation as GPTQ. The decoder
    needs neither A nor the order of the weights. The encoder sees A, so that S → W → Ŵ does not hold.

    Args:
        step: δ above 0.
        multiplier: λ at least 0, the distortion that one nat has to save, in units of the loss.
        num_paths: from 1 to 1024 partial roundings are kept side by side. One is the nearest plane itself;
            with several a nearer point is found, in so many times the time.
        num_states: 1, or a trellis of 4, 8, 16, 32, 64, 128 or 256 states. Each weight's multiple is then of
            one of two unions, even ones or odd ones and zero, and the multiples before say which. A label is
            told apart within its union only. Needs the order "given", and many paths to gain by it.
        order: "given" eliminates the weights as they stand. "smallest_pivot_first" takes at each step the
            weight that the others leave the least of, so that the last pivots are not small.
        steps: "equal" is δ for all. "expected_pivots" divides δ by the root of each pivot's mean square,
            which both sides know, relative to their geometric mean. "pivots" divides by the pivots
            themselves, rounded; their codewords are counted. The last two need the order "given".
        pivot_spacing: of the rounded pivots' logarithms, above 0; for "pivots" only.
        code_lengths: nats of the multiples −K, …, K, an odd number of them, one code for all weights. The sum
            of e^{−length} must be at most 1. ``None`` stands for −ln P(cell) under the exact law of each
            weight, Student's t of n − d + 1 degrees of freedom. Along a trellis a pair of codes: of
            0, ±2, ±4, … and of 0, ±1, ±3, …, each in ascending order.

    Rate: ``code_length``, the sum of the multiples' lengths, and of the pivots' where they are sent. It is
        the length of a code the decoder has. Multiples beyond the code are cut off to its last one.

    Source: docs/seeing-the-data.md §2.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=20, w_star=rd.two_level_weights(4))
        >>> rd.FeedbackRounding(step=0.5, num_paths=16).markov
        False
    """

    step: float
    multiplier: float = 0.0
    num_paths: int = 1
    order: Order = "given"
    steps: Steps = "equal"
    pivot_spacing: float = 0.2
    code_lengths: tuple[float, ...] | tuple[tuple[float, ...], tuple[float, ...]] | None = None
    num_states: int = 1

    markov = False
    needs = frozenset({"model", "hessian"})

    def __post_init__(self) -> None:
        trellis = self.trellis
        lengths = checked_code(self.step, self.multiplier, self.code_lengths, min(trellis.num_states, 2))
        object.__setattr__(self, "code_lengths", lengths)
        if _checks.integer("num_paths", self.num_paths, 1) > MOST_PATHS:
            raise ValueError(f"num_paths must be at most {MOST_PATHS}, got {self.num_paths}")
        _checks.one_of("order", self.order, get_args(Order))
        _checks.one_of("steps", self.steps, get_args(Steps))
        _checks.positive_number("pivot_spacing", self.pivot_spacing)
        if self.steps != "equal" and self.order != "given":
            raise ValueError(
                f"steps that follow the pivots need the order 'given', in which both sides know what to "
                f"expect; got steps={self.steps!r} with order={self.order!r}"
            )
        if self.num_states > 1 and self.order != "given":
            raise ValueError(
                "a trellis needs the order 'given', in which the decoder follows its states; got "
                f"num_states={self.num_states} with order={self.order!r}"
            )

    @property
    def trellis(self) -> Trellis:
        """What multiples may follow which."""
        if _checks.integer("num_states", self.num_states, 1) == 1:
            return ONE_STATE
        return trellis_of(self.num_states)

    def prepare(self, model: LinearModel) -> PreparedFeedback:
        """The steps, and the tables of code lengths; all become traced values."""
        one = single_output("rounding with feedback", model)
        dtype = jnp.result_type(float)
        traced_number("step", self.step)
        steps = np.full(one.d, float(self.step))
        expected = expected_pivots(one)
        if self.steps != "equal":
            steps *= np.exp(np.mean(np.log(expected))) / expected
        pivot_lengths = None
        if self.steps == "pivots":
            pivot_lengths = jnp.asarray(pivots_code(one, self.pivot_spacing), dtype)
        return PreparedFeedback(
            jnp.asarray(steps, dtype),
            traced_number("multiplier", self.multiplier),
            jnp.asarray(multiples_code(one, steps, self.code_lengths, min(self.num_states, 2)), dtype),
            jnp.asarray(expected, dtype),
            jnp.asarray(self.pivot_spacing, dtype),
            pivot_lengths,
            self.num_paths,
            self.order == "smallest_pivot_first",
            self.trellis,
        )

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """All: the multiples end somewhere, and W does not."""
        return following_weights(model, *RISK_NAMES)

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """None: the length is counted in every trial."""
        return {}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The length of a code that the decoder has."""
        return {"code_length": "code_length"}


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedCentered:
    """A :class:`CenteredRounding` with its numbers as traced values; the table is ``(d, 2K + 1)``."""

    step: jax.Array
    multiplier: jax.Array
    lengths: jax.Array

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Round every weight by itself."""
        if context.model is None:
            raise ValueError("rounding of W − w* needs context.model")
        center = context.model.w_star
        x, most = weights - center, self.lengths.shape[1] // 2
        multiples = jnp.arange(-most, most + 1)
        # Exactly zero where λ is, whatever is not in the code.
        price = jnp.where(jnp.isfinite(self.lengths), self.multiplier * self.lengths, jnp.inf)
        costs = (x[:, None] - self.step * multiples[None, :]) ** 2 + price
        chosen = jnp.argmin(costs, axis=1)
        nats = jnp.take_along_axis(self.lengths, chosen[:, None], axis=1)
        return Compressed(center + self.step * multiples[chosen], {"code_length": jnp.sum(nats)})


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedFeedback:
    """A :class:`FeedbackRounding` with its numbers as traced values; the table is ``(unions, d, 2K + 1)``."""

    steps: jax.Array
    multiplier: jax.Array
    lengths: jax.Array
    expected: jax.Array
    pivot_spacing: jax.Array
    pivot_lengths: jax.Array | None
    num_paths: int = dataclasses.field(metadata={"static": True})
    smallest_first: bool = dataclasses.field(metadata={"static": True})
    trellis: Trellis = dataclasses.field(metadata={"static": True})

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Factor the Hessian, round with feedback, and count."""
        if context.model is None or context.hessian is None:
            raise ValueError("rounding with feedback needs context.model and context.hessian")
        center, steps, nats = context.model.w_star, self.steps, 0.0
        factor = ordered_factor(context.hessian, self.smallest_first)
        if self.pivot_lengths is not None:
            # In the given order column j is weight j.
            ratio = jnp.log(factor.scale * factor.pivots / self.expected) / self.pivot_spacing
            cell = jnp.clip(jnp.round(ratio), -PIVOT_CELLS, PIVOT_CELLS)
            steps = steps * jnp.exp(-self.pivot_spacing * cell)
            chosen = cell.astype(jnp.int32)[:, None] + PIVOT_CELLS
            nats = jnp.sum(jnp.take_along_axis(self.pivot_lengths, chosen, axis=1))
        labels, own = nearest_plane(
            factor, weights - center, steps, self.lengths, self.multiplier, self.num_paths, self.trellis
        )
        return Compressed(center + steps * labels, {"code_length": nats + own})
