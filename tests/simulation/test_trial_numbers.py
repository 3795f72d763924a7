"""Every trial has a key of its own, on both sides of 2³² as well."""

import jax
import numpy as np
import pytest

import ratedist as rd
from ratedist.simulation.engine import most_trials, trial_key

KEY = jax.random.key(5)
MODEL = rd.GaussianLinearModel(12, rd.two_level_weights(6))
ERM = {"erm": rd.ERM()}
EDGE = 2**32


def words(numbers: np.ndarray) -> np.ndarray:
    return np.stack([numbers >> np.uint64(32), numbers & np.uint64(EDGE - 1)], axis=1).astype(np.uint32)


def keys_of(numbers) -> np.ndarray:
    numbers = np.asarray(numbers, np.uint64)
    found = jax.vmap(lambda index: trial_key(KEY, index))(words(numbers))
    return np.asarray(jax.random.key_data(found))


def test_below_the_edge_they_are_those_of_fold_in() -> None:
    numbers = [0, 1, 77, 2**31, EDGE - 1]
    expected = [jax.random.key_data(jax.random.fold_in(KEY, np.uint32(number))) for number in numbers]
    np.testing.assert_array_equal(keys_of(numbers), expected)


def test_all_are_different() -> None:
    around = [np.arange(edge - 2000, edge + 2000) for edge in (EDGE, 2 * EDGE, 2**40, 2**62)]
    # The same lower bits many times over.
    numbers = np.unique(np.concatenate([np.arange(4000), *around, np.arange(4000) * EDGE]).astype(np.uint64))
    assert len(np.unique(keys_of(numbers), axis=0)) == len(numbers)


def test_they_are_threefry_of_the_whole_number() -> None:
    """By an implementation of its own, in Python's integers: Salmon et al. (2011), twenty rounds."""

    def threefry(key: list[int], counter: list[int]) -> list[int]:
        schedule = [*key, key[0] ^ key[1] ^ 0x1BD11BDA]
        x, y = ((one + two) % EDGE for one, two in zip(counter, key, strict=True))
        for group in range(5):
            for rotation in ((13, 15, 26, 6), (17, 29, 16, 24))[group % 2]:
                x = (x + y) % EDGE
                y = (y << rotation | y >> 32 - rotation) % EDGE ^ x
            x = (x + schedule[(group + 1) % 3]) % EDGE
            y = (y + schedule[(group + 2) % 3] + group + 1) % EDGE
        return [x, y]

    numbers = [0, EDGE - 1, EDGE, EDGE + 1, 5 * EDGE + 12345, 2**63 - 1]
    key = jax.random.key_data(KEY).tolist()
    np.testing.assert_array_equal(
        keys_of(numbers), [threefry(key, [number >> 32, number % EDGE]) for number in numbers]
    )


def test_a_run_across_the_edge_is_that_of_its_two_parts() -> None:
    def samples(first: int, count: int) -> np.ndarray:
        run = rd.simulate(MODEL, ERM, count, KEY, batch_size=256, first_trial=first, return_samples=True)
        return run["erm"].samples["population_risk"]

    across = samples(EDGE - 256, 512)
    # Trials are not those of the same lower bits, and none is there twice.
    np.testing.assert_allclose(across, np.concatenate([samples(EDGE - 256, 256), samples(EDGE, 256)]))
    assert len(np.unique(np.concatenate([across, samples(0, 256)]))) == 768


def test_keys_of_32_bits_are_refused_beyond_them() -> None:
    key = jax.random.key(0, impl="rbg")
    assert most_trials(key) == EDGE
    with pytest.raises(ValueError, match="num_trials must be at most 1, got 2"):
        rd.simulate(MODEL, ERM, 2, key, first_trial=EDGE - 1)
    with pytest.raises(ValueError, match=f"first_trial must be at most {2**63 - 1}, got {2**63}"):
        rd.simulate(MODEL, ERM, 2, KEY, first_trial=2**63)
