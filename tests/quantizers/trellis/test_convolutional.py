"""The trellises: their parity checks, their shape, and the free distances that Ungerboeck found them for."""

import heapq
import itertools

import numpy as np
import pytest

from ratedist.quantizers.trellis.convolutional import PARITY_CHECKS, trellis_of

STATES = sorted(PARITY_CHECKS)
# Squared free distances in squared steps, the column d²/Δ² of Ungerboeck 1982, table I.
FREE_DISTANCES = {4: 9, 8: 10, 16: 11, 32: 13, 64: 14, 128: 16, 256: 16}
# Least squared distance of two levels whose subsets differ by 2b + u, modulo 2 in each bit.
APART = {(0, 0): 0, (0, 1): 1, (1, 0): 4, (1, 1): 1}  # (b, u)
PARALLEL = 16  # of two levels of one subset


def bits(number: int, count: int) -> list[int]:
    return [number >> i & 1 for i in range(count)]


@pytest.mark.parametrize("num_states", STATES)
def test_every_path_obeys_the_parity_check(num_states: int) -> None:
    trellis, (h0, h1) = trellis_of(num_states), PARITY_CHECKS[num_states]
    memory = num_states.bit_length() - 1
    branches = np.random.default_rng(0).integers(0, 2, 500)
    state, unions = 0, []
    for branch in branches:
        unions.append(state & 1)
        state = trellis.next_states[state, branch]
    for n in range(memory, 500):
        past = n - np.arange(memory + 1)
        check = np.dot(bits(h0, memory + 1), np.take(unions, past))
        check += np.dot(bits(h1, memory + 1), branches[past])
        assert check % 2 == 0
    assert 0.4 < np.mean(unions) < 0.6


@pytest.mark.parametrize("num_states", STATES)
def test_two_branches_lead_from_and_to_every_state(num_states: int) -> None:
    trellis = trellis_of(num_states)
    after = trellis.next_states
    assert np.all(after[:, 0] != after[:, 1])
    assert np.array_equal(np.sort(after.ravel()), np.repeat(np.arange(num_states), 2))
    assert (np.arange(num_states) & 1).mean() == 0.5
    for branch in range(2):
        assert np.array_equal(after[trellis.previous_states[:, branch], branch], np.arange(num_states))


def free_distance(num_states: int) -> int:
    """Least squared distance of paths that part from state 0 and meet it again (Dijkstra)."""
    after = trellis_of(num_states).next_states
    heap, done = [(APART[1, 0], int(after[0, 1]))], set()
    while heap:
        distance, state = heapq.heappop(heap)
        if state == 0:
            return min(distance, PARALLEL)
        if state not in done:
            done.add(state)
            for branch in range(2):
                heapq.heappush(heap, (distance + APART[branch, state & 1], int(after[state, branch])))
    raise AssertionError("state 0 is not met again")


@pytest.mark.parametrize("num_states", STATES)
def test_free_distances_are_those_of_the_table(num_states: int) -> None:
    assert free_distance(num_states) == FREE_DISTANCES[num_states]


@pytest.mark.parametrize("num_states", [4, 8])
def test_levels_of_two_paths_are_as_far_apart_as_that(num_states: int) -> None:
    """Between all pairs of paths of six steps that part and meet again, by the levels themselves."""
    after = trellis_of(num_states).next_states
    paths: dict[tuple[int, int], list[tuple[int, ...]]] = {}
    for start in range(num_states):
        for branches in itertools.product(range(2), repeat=6):
            state, subsets = start, []
            for branch in branches:
                subsets.append(2 * branch + (state & 1))
                state = int(after[state, branch])
            paths.setdefault((start, state), []).append(tuple(subsets))
    least = PARALLEL
    for ends in paths.values():
        for one, other in itertools.combinations(ends, 2):
            steps = np.abs(np.subtract(one, other))
            least = min(least, int(np.sum(np.minimum(steps, 4 - steps) ** 2)))
    assert least == FREE_DISTANCES[num_states]


@pytest.mark.parametrize("wrong", [2, 12, 512, 8.5, True, "8"])
def test_other_numbers_of_states_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="num_states must be"):
        trellis_of(wrong)  # pyright: ignore[reportArgumentType]
