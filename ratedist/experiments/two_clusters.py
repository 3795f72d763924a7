"""What two clusters do: the fifty weights of one fit become two numbers, and the population risk falls.

JAX and pandas are imported inside :func:`run`, so that the command line can show its options at once.
"""

from __future__ import annotations

import dataclasses

from ratedist import _checks
from ratedist.experiments.model_options import NumTrials
from ratedist.experiments.table import Table, versions
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.weights import two_level_weights

D, N, NOISE_VARIANCE = 50, 80, 1.0
# The fit that is shown has the key of the trial after the last, a number of 32 bits.
MOST_TRIALS = 2**32 - 1
COLUMNS = ("true_weight", "fitted_weight", "compressed_weight")


@dataclasses.dataclass(frozen=True)
class TwoClustersConfig:
    """The setting of the papers' Figure 2, at two clusters.

    Attributes:
        num_trials: Data sets, one fit each, over which the risks are averaged.
        seed: Seed of every random draw.
    """

    num_trials: NumTrials = 10_000
    seed: int = 0

    def check(self) -> None:
        """Raise ``ValueError``, in words, for a setting without a picture."""
        _checks.integer("num_trials", self.num_trials, 2, MOST_TRIALS)
        _checks.seed(self.seed)

    def model(self) -> GaussianLinearModel:
        """Fifty true weights, +1 and −1 in turn, and eighty samples with noise of variance 1."""
        return GaussianLinearModel(N, two_level_weights(D), NOISE_VARIANCE)


def run(config: TwoClustersConfig) -> Table:
    """Fit one data set, compress the fit to two values, and average the risks of both over many data sets.

    It computes in the precision that JAX is set to. The command's is double: for its numbers, call
    ``jax.config.update("jax_enable_x64", True)`` first.

    Args:
        config: the setting.

    Returns:
        One row a weight: ``true_weight``, ``fitted_weight`` (ERM on one data set) and ``compressed_weight``
        (the nearer of the two centres). The record holds the centres; ``population_risk`` of "erm" and
        "two_clusters", means over all trials with standard errors; ``difference``, paired trial by trial;
        and ``of_this_fit``, the exact population risks of the weights in the table.
    """
    import jax
    import pandas as pd

    from ratedist.compressors import ERM, KMeans
    from ratedist.linear_model.risks import population_risk
    from ratedist.linear_model.sampling import ModelArrays, draw_dataset
    from ratedist.quantizers import kmeans
    from ratedist.simulation.runner import simulate

    config.check()
    model = config.model()
    key = jax.random.key(config.seed)
    # The trials are those of Figure 2 with this seed, and the fit is of none of them.
    example_key = jax.random.fold_in(key, config.num_trials)
    arrays = ModelArrays.of(model)
    fitted = jax.jit(draw_dataset, static_argnums=2)(example_key, arrays, model.n).weights
    quantized = kmeans(fitted, 2, method="optimal")
    compressed = jax.numpy.asarray(quantized.reconstruction, fitted.dtype)
    compressors = {"erm": ERM(), "two_clusters": KMeans(2)}
    result = simulate(model, compressors, config.num_trials, key)
    difference = result.difference("two_clusters", "erm").population_risk
    risk = jax.jit(population_risk)
    record = {
        "experiment": "two-clusters",
        "configuration": dataclasses.asdict(config) | {"d": D, "n": N, "noise_variance": NOISE_VARIANCE},
        "centers": quantized.centers.tolist(),
        "population_risk": {
            name: {"mean": estimates.population_risk.mean, "sem": estimates.population_risk.sem}
            for name, estimates in result.items()
        },
        "difference": {"mean": difference.mean, "sem": difference.sem},
        "of_this_fit": {
            "erm": float(risk(arrays, fitted)),
            "two_clusters": float(risk(arrays, compressed)),
        },
        "precision": str(fitted.dtype),
        "versions": versions(),
    }
    columns = dict(zip(COLUMNS, (model.w_star, fitted, compressed), strict=True))
    return Table(pd.DataFrame({name: column.tolist() for name, column in columns.items()}), record)
