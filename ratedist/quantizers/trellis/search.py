"""The price of a nat at which a target is met: designs on a sample first, then on all weights."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from ratedist.quantizers.trellis.codebook import ARRANGEMENTS, Codebook, first_codebook, positions_near
from ratedist.quantizers.trellis.design import descended
from ratedist.quantizers.trellis.header import (
    RARE_LEVEL_BITS,
    cheapest_level_bits,
    header_bits,
    rounded_levels,
)
from ratedist.quantizers.trellis.problem import Problem
from ratedist.quantizers.trellis.target import (
    Target,
    Try,
    best_of,
    nearest_of,
    slope_of,
    with_one_path,
)
from ratedist.units import bits_to_nats, nats_to_bits

# Step of the levels in units of √λ. The levels move to their centroids, so that 1.2 and 1.6 end alike.
STEP = 1.4
# States for designs on a sample: more of them change levels and lengths but little.
DESIGN_STATES = 8
DESIGN_TURNS, TURNS = 10, 5
# Weights from which a try is one turn: levels from the sample are as good as settled.
MANY = 1 << 20
# Parts of the objective that a turn has to gain for another one, in designs and with all states.
DESIGN_GAIN, SMALLEST_GAIN = 1e-4, 2e-5
# Tries on the sample and on all weights.
DESIGN_TRIES, TRIES, PUSHES = 24, 8, 8
# How steps to one side grow, and how long they become, in units of what the slope says.
LONGER, LONGEST = 1.7, 16.0
# How far ln λ may go with the levels of one design. Levels that nobody uses stay steps apart as these shrink:
# weights lose them, and more errors come of lower prices.
STRAY = 1.0
# Natural logarithms of λ, from where a search begins, to where it gives up.
FARTHEST = 250.0
# ln λ between which squares are numbers. Above there is one level, below all weights are met.
LOWEST, HIGHEST = -600.0, 200.0


def tried(
    problem: Problem,
    codebook: Codebook,
    log_price: float,
    step: float,
    num_states: int,
    turns: int,
    smallest_gain: float = SMALLEST_GAIN,
) -> Try:
    """Descent from a codebook at a price."""
    price = math.exp(log_price - 2 * math.log(step))
    n, N = problem.x.size, problem.num_weights
    # Of a sample the part of it that the sample is of the weights.
    level_nats = bits_to_nats(RARE_LEVEL_BITS) * n / N
    fit = descended(problem.x, problem.h, codebook, price, level_nats, num_states, turns, smallest_gain, step)
    used = fit.found.counts > 0
    levels, mass = problem.scaled_offset + fit.found.centroids[used] * step, fit.found.mass[used]
    distortion = fit.found.distortion * step**2
    level_bits = cheapest_level_bits(levels, mass, distortion, N)
    distortion += float(mass @ (rounded_levels(levels, level_bits) - levels) ** 2)
    header = header_bits(np.maximum(np.rint(fit.found.counts[used] * (N / n)), 1), level_bits)
    bits = nats_to_bits(fit.found.nats / n) + header / N
    return Try(log_price, step, fit, level_bits, bits, distortion / n)


def designed(sample: Problem, problem: Problem, log_price: float, num_states: int) -> Try | None:
    """The better of both arrangements on a sample of the problem; ``None`` where there are too many levels.

    Weights of the problem say which levels there are. No more than ``DESIGN_STATES`` states are used.
    """
    states = min(num_states, DESIGN_STATES)
    step = STEP * math.exp(log_price / 2)
    positions = positions_near(problem.counting, step)
    if positions is None:
        return None
    best: Try | None = None
    for arrangement in ARRANGEMENTS:
        codebook = first_codebook(sample.counting / step, positions, arrangement)
        one = tried(sample, codebook, log_price, step, states, DESIGN_TURNS, DESIGN_GAIN)
        if best is None or one.fit.objective < best.fit.objective:
            best = one
    return best


def settled(sample: Problem, problem: Problem, log_price: float, num_states: int) -> Try | None:
    """A design that has met all states, on the sample; ``None`` where there are too many levels."""
    start = designed(sample, problem, log_price, num_states)
    if start is None or num_states <= DESIGN_STATES:
        return start
    return tried(sample, start.fit.codebook, log_price, start.step, num_states, DESIGN_TURNS)


def approached(
    evaluate: Callable[[float], Try | None], target: Target, log_price: float, slope: float, tries: int
) -> list[Try]:
    """Tries at prices ever nearer to where the target is just met.

    Args:
        evaluate: the try at a price; ``None`` for a price that is too low.
        target: what is asked.
        log_price: where to begin.
        slope: dy/d ln λ, below 0, to begin with.
        tries: how many at most.
    """
    found: list[Try] = []
    low, high = (-math.inf, math.inf), (math.inf, -math.inf)  # prices and y to either side
    begin, reach = log_price, 1.0
    for _ in range(tries):
        one = evaluate(log_price)
        y = math.inf if one is None else target.of(one)
        if one is not None:
            found = with_one_path([*found, one], target)
            if target.near(y):
                break
        if y > target.aim:
            low = (log_price, y)
            if one is not None and one.num_levels == 1:
                break
        else:
            high = (log_price, y)
            if one is not None and one.mean_squared_error == 0:
                break
        inside = math.isfinite(low[0]) and math.isfinite(high[0])
        if inside and high[0] - low[0] < 1e-4:
            break
        if inside and math.isfinite(low[1]):
            share = (low[1] - target.aim) / (low[1] - high[1])
            # Not too near an end, so that both ends move.
            log_price = low[0] + min(max(share, 0.1), 0.9) * (high[0] - low[0])
        elif inside:
            log_price = (low[0] + high[0]) / 2
        else:
            wanted = (target.aim - y) / slope if math.isfinite(y) else reach
            # A little farther, to have it between two tries; ever farther, where y hardly moves.
            log_price = max(log_price + min(max(1.2 * reach * wanted, -reach), reach), LOWEST)
            reach *= 2
            if abs(log_price - begin) > FARTHEST:
                break
    return found


def refined(problem: Problem, start: Try, target: Target, slope: float, num_states: int) -> list[Try]:
    """Tries on all weights, each from the levels of the one before, until one keeps the promise nearly.

    Levels still settle, so that y is no function of the price alone: steps by a given slope, no brackets.
    They end far from the first price, whose levels are too few for a low one.
    """
    found: list[Try] = []
    codebook, log_price, push, last = start.fit.codebook, start.log_price, 1.0, 0.0
    turns = TURNS if problem.num_weights < MANY else 1
    for number in range(TRIES + PUSHES):
        # Levels are steps apart, so that they spread with the price: it alone would move them slowly.
        step = start.step * math.exp((log_price - start.log_price) / 2)
        one = tried(problem, codebook, log_price, step, num_states, turns)
        found = with_one_path([*found, one], target)
        y = target.of(one)
        if target.near(y) or (number >= TRIES - 1 and any(target.met(target.of(other)) for other in found)):
            break
        wanted = target.aim - y
        if not math.isfinite(wanted) or abs(log_price - start.log_price) >= STRAY:
            break
        # Lengths hold what they led to: of several steps to one side the later ones are longer.
        push = min(push * LONGER, LONGEST) if wanted * last > 0 else 1.0
        log_price, last = log_price + min(max(push * wanted / slope, -1.0), 1.0), wanted
        codebook = one.fit.codebook
    return found


def at_price(problem: Problem, log_price: float, num_states: int) -> Try | None:
    """The fit at a given price, ``None`` where there are too many levels."""
    bounded = min(max(log_price, LOWEST), HIGHEST)
    start = settled(problem.sample(), problem, bounded, num_states)
    if start is None:
        return None
    turns = DESIGN_TURNS if problem.num_weights < MANY else TURNS
    found = tried(problem, start.fit.codebook, bounded, start.step, num_states, turns)
    return dataclasses.replace(found, log_price=log_price)


def at_target(problem: Problem, target: Target, num_states: int) -> tuple[Try | None, list[Try]]:
    """The best fit that keeps the promise, ``None`` if none does, and all tries on all weights."""
    sample = problem.sample()
    if target.mean_squared_error is not None:
        begin, slope = math.log(2 * target.mean_squared_error), -1.0
    else:
        begin = 2 * math.log(problem.spread) - 2 * math.log(2) * min(target.y, 12.0) + math.log(2)
        slope = -0.5 / math.log(2)
    begin = max(min(begin, 2 * math.log(problem.spread) + 3), LOWEST)
    designs = approached(
        lambda t: designed(sample, sample, t, num_states), target, begin, slope, DESIGN_TRIES
    )
    nearest = nearest_of(designs, target)
    if nearest is None:
        return None, []
    start = settled(sample, problem, nearest.log_price, num_states)
    slope = slope_of(designs, target, slope)
    found = [] if start is None else refined(problem, start, target, slope, num_states)
    if sample is problem and num_states <= DESIGN_STATES:  # these are fits of all weights as well
        found += designs
    if best_of(found, target) is None:  # few weights are met by chance: a design for each price
        found += approached(
            lambda t: at_price(problem, t, num_states), target, nearest.log_price, slope, DESIGN_TRIES
        )
    return best_of(found, target), found
