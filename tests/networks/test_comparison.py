"""A model under two sets of parameters: the same program for both, but where they are two models."""

import numpy as np
import pytest

import ratedist as rd

INPUTS = np.random.default_rng(0).normal(size=(20, 3))
SAMPLES = INPUTS, np.arange(20) % 3


@pytest.mark.parametrize(
    ("after", "compilations"),
    [
        ({"w": 2 * np.ones((1, 3)), "square": False}, 1),
        ({"w": 2 * np.ones((1, 3)), "square": True}, 2),
        ({"w": 2 * np.ones((1, 3), np.float32), "square": False}, 2),
        ({"w": 2.0, "square": False}, 2),
    ],
    ids=["arrays", "what is no array", "dtype", "a number in place of an array"],
)
def test_what_differs_by_its_arrays_is_compiled_once(after, compilations) -> None:
    traced = []

    def logits(parameters, inputs):
        traced.append(parameters["square"])
        return inputs**2 if parameters["square"] else inputs * parameters["w"]

    before = {"w": np.ones((1, 3)), "square": False}
    found = rd.networks.compare(logits, before, after, SAMPLES, test=SAMPLES)["test_loss"]
    assert len(traced) == compilations
    for side, z in ((found.before, INPUTS), (found.after, INPUTS**2 if after["square"] else 2 * INPUTS)):
        losses = np.log(np.exp(z).sum(axis=1)) - z[np.arange(20), SAMPLES[1]]
        assert side.mean == pytest.approx(losses.mean(), rel=1e-6)
