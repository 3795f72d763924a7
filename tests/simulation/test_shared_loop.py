"""Trials that many processes share, each of which is played by this one: the same numbers as of one."""

import sys

import jax
import numpy as np
import pytest

import ratedist as rd
from ratedist import processes
from ratedist.simulation import shared_loop
from ratedist.simulation.accumulation import BLOCK
from ratedist.simulation.results import SimulationResult

MODEL = rd.GaussianLinearModel(12, rd.two_level_weights(6))
COMPRESSORS = {"erm": rd.ERM(), "codebook": rd.FixedCodebook([-1.0, 1.0])}


def simulate(num_trials: int, **options) -> SimulationResult:
    # Batches that fit into no block, so that they are cut.
    return rd.simulate(MODEL, COMPRESSORS, num_trials, jax.random.key(5), batch_size=100, **options)


def numbers(result: SimulationResult) -> np.ndarray:
    return result.to_frame()[["mean", "sem"]].to_numpy()


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch):
    """Have this process play all of them: of each round it does every unit."""

    def play(count: int) -> None:
        def shared(work, units):
            for start in range(0, len(units), count):
                yield [(unit, work(unit)) for unit in units[start : start + count]]

        monkeypatch.setattr(processes, "count", lambda: count)
        monkeypatch.setattr(processes, "from_first", lambda content: content)
        monkeypatch.setattr(processes, "in_first", lambda work: work())
        monkeypatch.setattr(processes, "shared", shared)

    return play


# Less than a block, blocks and a part of one, several rounds.
@pytest.mark.parametrize(
    "num_trials", [300, 2048, 9001, *(pytest.param(one, marks=pytest.mark.slow) for one in (2500, 8192))]
)
def test_short_runs_come_to_the_bits_of_one_process_and_long_ones_to_rounding(
    together, monkeypatch: pytest.MonkeyPatch, num_trials: int
) -> None:
    alone = simulate(num_trials)
    for count in (2, 7):
        together(count)
        shared = simulate(num_trials)
        assert shared.num_trials == num_trials
        np.testing.assert_array_equal(numbers(shared), numbers(alone))
    monkeypatch.setattr(shared_loop, "MOST_APART", 1000)  # and now they are long
    shared = simulate(num_trials)
    assert shared.num_trials == num_trials
    np.testing.assert_allclose(numbers(shared), numbers(alone), rtol=1e-12, atol=1e-15)


def test_ranges_of_more_processes_are_longer_and_never_longer_than_their_share() -> None:
    whole = shared_loop.range_size(10**12, 1024, apart=False)
    assert whole > shared_loop.range_size(10**12, 2, apart=False) > BLOCK
    assert whole % BLOCK == 0
    assert shared_loop.range_size(10 * BLOCK, 4, apart=False) == 3 * BLOCK
    assert shared_loop.range_size(1, 4, apart=True) == BLOCK


@pytest.mark.parametrize("count", [2, 7])
def test_samples_are_those_of_one_process(together, count: int) -> None:
    alone = simulate(2500, return_samples=True)
    together(count)
    shared = simulate(2500, return_samples=True)
    assert alone.samples is not None
    assert shared.samples is not None
    for quantity, values in alone.samples.items():
        np.testing.assert_array_equal(shared.samples[quantity], values)


def test_a_run_until_an_error_is_reached_ends_at_the_same_trial(together) -> None:
    alone = simulate(1024, target_sem=0.02)
    together(3)
    shared = simulate(1024, target_sem=0.02)
    assert shared.num_trials == alone.num_trials > 2 * 1024
    np.testing.assert_array_equal(numbers(shared), numbers(alone))


def test_what_is_enough_already_is_left_as_it_is(together, tmp_path) -> None:
    """Of 1,500 trials none is thrown away, and none is computed."""
    path = tmp_path / "state"
    simulate(1500, checkpoint_path=path)
    alone = simulate(300, target_sem=1.0, checkpoint_path=path)
    together(3)
    shared = simulate(300, target_sem=1.0, checkpoint_path=path)
    assert shared.num_trials == alone.num_trials == 1500
    np.testing.assert_array_equal(numbers(shared), numbers(alone))


def test_memory_does_not_grow_with_the_number_of_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a million million trials the ranges alone would be gigabytes."""
    given = []
    monkeypatch.setattr(processes, "count", lambda: 2)
    monkeypatch.setattr(processes, "from_first", lambda content: content)
    monkeypatch.setattr(processes, "shared", lambda work, units: given.append(units) or iter(()))
    shared_loop.run_shared(
        lambda start, count: {}, 10**12, 512, kept=None, save_seconds=9.0, target=None, samples=None,
        progress=False,
    )  # fmt: skip
    (units,) = given
    assert sys.getsizeof(units) < 1000
    assert (len(units) - 1) * (units[1] - units[0]) < 10**12 <= len(units) * (units[1] - units[0])


def test_a_checkpoint_is_taken_up_by_any_number_of_processes(together, tmp_path) -> None:
    alone, path = simulate(9000), tmp_path / "state"
    simulate(1500, checkpoint_path=path)  # alone, to the middle of a block
    for count, num_trials in ((2, 3000), (3, 6000), (1, 9000)):
        together(count)
        result = simulate(num_trials, checkpoint_path=path)
    np.testing.assert_array_equal(numbers(result), numbers(alone))


def test_the_run_of_one_set_of_devices_is_not_shared(together) -> None:
    alone = simulate(300)
    together(2)
    found = simulate(300, devices=jax.local_devices()[:1])
    np.testing.assert_array_equal(numbers(found), numbers(alone))
