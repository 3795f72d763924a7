"""One simulation that several processes run, which import nothing of the tests beside it."""

import jax

import ratedist as rd

# Three blocks of the sum, of which the last is not whole: with two processes, one has two of them.
TRIALS = 2500  # in batches that tests of the shared loop compile too


def simulated(*names: str) -> dict[str, list[float]]:
    model = rd.GaussianLinearModel(12, rd.two_level_weights(6))
    both = {"erm": rd.ERM(), "codebook": rd.FixedCodebook([-1.0, 1.0])}
    kinds = {name: both[name] for name in names or both}
    result = rd.simulate(model, kinds, TRIALS, jax.random.key(5), batch_size=100)
    assert result.precision == jax.numpy.result_type(float)
    risks = {name: result[name].population_risk for name in kinds}
    return {name: [risk.mean, risk.sem] for name, risk in risks.items()}
