"""A learning problem so small that every information and every risk is a finite sum.

Six samples of a letter among three; a hypothesis guesses the letter and loses 1 where it is wrong. The data
set enters through the counts of its letters alone, so that 28 of them stand for all 729.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
from scipy.special import gammaln, rel_entr, softmax

PROBABILITIES = np.array([0.6, 0.3, 0.1])
NUM_SAMPLES = 6
# A loss in [0, 1] is ½-sub-Gaussian (Hoeffding).
SUB_GAUSSIAN = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class FiniteExample:
    """``P(S)``, shape ``(T,)``; ``P(W|S)`` and ``L_S(w)``, shape ``(T, 3)``; ``L_μ(w)``, shape ``(3,)``."""

    data: np.ndarray
    learner: np.ndarray
    empirical_risk: np.ndarray
    population_risk: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """``P(W)``, shape ``(3,)``."""
        return self.data @ self.learner

    def information_data(self, channel: np.ndarray | None = None) -> float:
        """``I(S; Ŵ)`` in nats for a channel ``P(Ŵ|W)`` of shape ``(3, 3)``; ``I(S; W)`` without one."""
        return mutual_information(self.data, self.learner if channel is None else self.learner @ channel)

    def information_weights(self, channel: np.ndarray) -> float:
        """``I(W; Ŵ)`` in nats."""
        return mutual_information(self.weights, channel)

    def generalization_error(self, channel: np.ndarray) -> float:
        """``E[L_μ(Ŵ) − L_S(Ŵ)]``."""
        joint = self.data[:, None] * (self.learner @ channel)
        return float(np.sum(joint * (self.population_risk - self.empirical_risk)))

    def distortion(self, channel: np.ndarray) -> float:
        """``E[L_S(Ŵ) − L_S(W)]``."""
        joint = self.data[:, None] * (self.learner @ channel - self.learner)
        return float(np.sum(joint * self.empirical_risk))

    def excess_population_risk(self, channel: np.ndarray) -> float:
        """``E[L_μ(Ŵ) − L_S(W)]``, the left side of (14)."""
        erm = np.sum(self.data[:, None] * self.learner * self.empirical_risk)
        return float(self.weights @ channel @ self.population_risk - erm)

    def empirical_risk_given_weights(self) -> np.ndarray:
        """``E[L_S(ŵ) | W = w]`` for every w and ŵ, shape ``(3, 3)``."""
        joint = self.data[:, None] * self.learner
        return (joint.T @ self.empirical_risk) / self.weights[:, None]


def finite_example(inverse_temperature: float = np.inf) -> FiniteExample:
    """ERM (ties to the likelier letter), or a Gibbs learner ``P(w|S) ∝ exp(−γ L_S(w))``."""
    counts = np.array(
        [c for c in itertools.product(range(NUM_SAMPLES + 1), repeat=3) if sum(c) == NUM_SAMPLES]
    )
    log_data = gammaln(NUM_SAMPLES + 1) - gammaln(counts + 1).sum(axis=1) + counts @ np.log(PROBABILITIES)
    empirical = 1 - counts / NUM_SAMPLES
    if np.isinf(inverse_temperature):
        learner = np.eye(3)[np.argmin(empirical, axis=1)]
    else:
        learner = softmax(-inverse_temperature * empirical, axis=1)
    return FiniteExample(np.exp(log_data), learner, empirical, 1 - PROBABILITIES)


def channels(generator: np.random.Generator, count: int = 200) -> list[np.ndarray]:
    """Compressors ``P(Ŵ|W)``: the identity, every merging of two letters, noise, and random ones."""
    merging = [np.eye(3)[list(image)] for image in itertools.product(range(3), repeat=3)]
    noisy = [(1 - noise) * np.eye(3) + noise / 3 for noise in (0.1, 0.3, 0.6, 0.9)]
    random = [generator.dirichlet(np.full(3, size), 3) for size in (0.1, 1.0) for _ in range(count // 2)]
    return [*merging, *noisy, *random]


def mutual_information(law: np.ndarray, channel: np.ndarray) -> float:
    """``I(X; Y)`` in nats for ``P(X)`` of shape ``(a,)`` and ``P(Y|X)`` of shape ``(a, b)``."""
    return float(np.sum(law[:, None] * rel_entr(channel, (law @ channel)[None, :])))
