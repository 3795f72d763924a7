"""A small classifier that knows its own truth, as somebody else might write it."""

import jax
import jax.numpy as jnp
import numpy as np

RNG = np.random.default_rng(5)
PARAMETERS = {
    name: {
        "kernel": jax.device_put((scale * RNG.normal(size=shape)).astype(np.float32)),
        "bias": jax.device_put(np.zeros(shape[1], np.float32)),
    }
    for name, shape, scale in (("hidden", (40, 30), 0.25), ("output", (30, 5), 0.5))
}


def logits_fn(parameters, inputs):
    hidden = jnp.maximum(inputs @ parameters["hidden"]["kernel"] + parameters["hidden"]["bias"][None], 0)
    return hidden @ parameters["output"]["kernel"] + parameters["output"]["bias"][None]


def samples(number):
    """Inputs, and labels drawn from the classifier's own probabilities."""
    inputs = RNG.normal(size=(number, 40)).astype(np.float32)
    noise = RNG.gumbel(size=(number, 5))
    return inputs, np.argmax(np.asarray(logits_fn(PARAMETERS, inputs)) + noise, axis=1)


TRAIN, HOLDOUT, TEST = samples(300), samples(90), samples(90)
