r"""The trellises: convolutional codes of rate ½ that say which levels may follow which.

Levels jΔ fall into four subsets D_c, c = j mod 4. A code of ν memory bits allows a sequence of subsets if its
bits, ``c_n = 2b_n + u_n``, obey the parity check

.. math:: \sum_{i=0}^{ν} \left( h^0_i u_{n-i} + h^1_i b_{n-i} \right) = 0 \pmod 2 .

h⁰ has its first and last bit, h¹ neither. So u_n follows from the past, the *state*: it names the *union* of
two subsets, D0 ∪ D2 or D1 ∪ D3, that the next level comes from. The *branch* b_n is free: the level tells it.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ratedist import _checks

# h⁰ and h¹ of Ungerboeck 1982, table I (amplitude modulation), by the number of states.
PARITY_CHECKS = {
    4: (0o5, 0o2),
    8: (0o13, 0o4),
    16: (0o23, 0o4),
    32: (0o45, 0o10),
    64: (0o103, 0o24),
    128: (0o235, 0o126),
    256: (0o515, 0o362),
}


@dataclasses.dataclass(frozen=True)
class Trellis:
    """A code by what its state does: bit 0 of a state is the union, and ``next_states`` says what follows.

    Attributes:
        num_states: S, a power of two.
        feedback: what a state of union 1 adds to the next one, modulo 2.
        branch: what branch 1 adds to the next state, modulo 2.
    """

    num_states: int
    feedback: int
    branch: int

    @property
    def next_states(self) -> np.ndarray:
        """State after each state and branch, shape ``(S, 2)``."""
        state = np.arange(self.num_states)[:, None]
        return (state >> 1) ^ (state & 1) * self.feedback ^ np.arange(2) * self.branch

    @property
    def previous_states(self) -> np.ndarray:
        """State before each state, by the branch that led there, shape ``(S, 2)``."""
        previous = np.empty((self.num_states, 2), np.int64)
        for branch in range(2):
            previous[self.next_states[:, branch], branch] = np.arange(self.num_states)
        return previous


def trellis_of(num_states: int) -> Trellis:
    """The trellis of ``num_states`` states.

    Raises:
        ValueError: another number than 4, 8, 16, 32, 64, 128 or 256.
    """
    states = _checks.integer("num_states", num_states, 4, 256)
    if states not in PARITY_CHECKS:
        raise ValueError(f"num_states must be a power of two from 4 to 256, got {states}")
    h0, h1 = PARITY_CHECKS[states]
    return Trellis(states, h0 >> 1, h1 >> 1)
