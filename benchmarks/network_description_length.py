"""Does weight decay make a network cheaper to describe? Bits back, two parts and a file, side by side.

    RATEDIST_DATA_DIR=FOLDER python benchmarks/network_description_length.py [digits mnist]
        [--models 4] [--weight-decay 0 1e-4 1e-3 3e-3 1e-2] [--networks FOLDER] [--csv FILE]

Networks of the papers' recipe (digits: 64-64-64-10 on 80% of the images, MNIST: 784-256-256-10 on 9% of
them), trained with each weight decay. What is described are the labels of the training images, given the
images, with the help of the network. A row of the CSV is one network in one code:

- laplace: bits back with the curvature at the trained parameters;
- bits_back: bits back with the curvature at drawn parameters, at several weights of the data (setting);
- own_prior: the same under L2's own prior, of variance 1/(n times the weight decay);
- noise_trained: bits back after means and scales have been trained on for it, from bits_back;
- two_part: each array rounded to a step of its own, in a common proportion (setting) to the posterior;
- rdz: Hessian-weighted K-means with as many clusters in every array (setting), as a file.

weight_bits are of all parameters, biases too, and data_bits of all labels: those of the network itself that
is drawn or rounded. For digits message_bits are those of a message that the coder of ``ratedist.codes`` wrote
and read again, net. The tables have for each code the setting of the least total, and the one of the fewest
weight bits whose accuracy on held-out images is within one point of the trained network's."""

from __future__ import annotations

import argparse
import functools
import math
import pathlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

import ratedist as rd
from ratedist.files import require_target, write_together
from ratedist.networks.assessment import predict
from ratedist.networks.ensemble import Member
from ratedist.networks.losses import cross_entropy
from ratedist.tensors.leaves import named_leaves

DECAYS = (0.0, 1e-4, 1e-3, 3e-3, 1e-2)
DATA_WEIGHTS = {"digits": (1.0, 4.0, 16.0, 64.0, 256.0), "mnist": (1.0, 64.0)}
STEPS = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
# Data weights for which means and scales are trained on, and go through the real coder.
NOISE_TRAINED = {"digits": (1.0,), "mnist": ()}
NOISY_STEPS, NOISY_BATCH, NOISY_RATE = 2000, 256, 3e-3
CLUSTERS = (2, 3, 4, 5, 6, 8, 12, 16, 24, 32)
DRAWS = 8
# Of accuracy on held-out images, that a description may lose to count as equally accurate.
POINT = 0.01
KEYS = ["data", "weight_decay", "code", "setting"]


def ensemble(name: str, weight_decay: float, epochs: int | None) -> rd.networks.EnsembleConfig:
    """Networks of one weight decay."""
    if name == "mnist":
        recipe = rd.networks.Recipe(weight_decay=weight_decay, epochs=epochs or 25)
        return rd.networks.EnsembleConfig(rd.networks.mlp(), recipe)
    recipe = rd.networks.Recipe(weight_decay=weight_decay, epochs=epochs or 60)
    return rd.networks.EnsembleConfig(rd.networks.mlp(64, (64, 64), 10), recipe, fraction=1.0, holdout=0.2)


class Judge:
    """Bits of the labels and accuracies of a network, whatever its parameters."""

    def __init__(self, architecture: rd.networks.Architecture, data: Any, member: Member) -> None:
        def split(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return data.scaled(images).reshape(-1, *architecture.input_shape), labels

        self.architecture = architecture
        rows = member.train_rows, member.holdout_rows
        train, holdout = (split(data.train_images[some], data.train_labels[some]) for some in rows)
        self.splits = {"train": train, "holdout": holdout, "test": split(data.test_images, data.test_labels)}

    def __call__(self, *several: Any) -> dict[str, float]:
        """Of one set of parameters, or on average over several that were drawn."""
        found = {
            name: [rd.networks.evaluate(predict(self.architecture, one, x), y) for one in several]
            for name, (x, y) in self.splits.items()
        }
        bits = [one.loss.mean * one.loss.num_trials / math.log(2) for one in found["train"]]
        error = np.std(bits, ddof=1) / math.sqrt(len(bits)) if len(bits) > 1 else 0.0
        accuracies = {name: np.mean([one.accuracy.mean for one in found[name]]) for name in found}
        return {
            "data_bits": float(np.mean(bits)),
            "data_bits_error": float(error),
            "holdout_accuracy": float(accuracies["holdout"]),
            "test_accuracy": float(accuracies["test"]),
        }


def message_bits(posterior: rd.networks.DiagonalPosterior, seed: int = 0) -> int:
    """Net bits of a real message that holds a draw, header and all; raises unless everything comes back.

    In units of their array's prior all parameters have the prior N(0, 1), and are one message.
    """
    trees = named_leaves(posterior.mean)[0], named_leaves(posterior.scale)[0]
    priors: dict[str, Any] = {name: layer.prior for name, layer in posterior.cost.layers.items()}
    mean, scale = (
        np.concatenate([np.ravel(tree[name]) / one.scale for name, one in priors.items() if one is not None])
        for tree in trees
    )
    prior = rd.theory.GaussianPrior(1.0)
    auxiliary = np.random.default_rng(seed).bytes(rd.codes.bits_back_initial_bytes(scale))
    code = rd.codes.bits_back_encode(mean, scale, prior, auxiliary)
    drawn, returned = rd.codes.bits_back_decode(code.payload, prior, mean, scale)
    if returned != auxiliary or not np.array_equal(drawn, code.weights):
        raise ValueError("the message did not come back as it was sent")
    return code.net_bits


def noise_trained(
    architecture: rd.networks.Architecture,
    start: rd.networks.DiagonalPosterior,
    data: tuple[np.ndarray, np.ndarray],
    key: jax.Array,
    data_weight: float,
    steps: int = NOISY_STEPS,
) -> rd.networks.DiagonalPosterior:
    """Means and scales that shorten weights and data together, by stochastic gradients at draws.

    Hinton & van Camp 1993, with reparametrised draws and the prior of each array in closed form:
    ``½ Σ ln τ²/s²`` nats with τ² = mean(μ² + s²).
    """
    logs = jax.tree.map(lambda s: jnp.asarray(np.log(s), jnp.float32), start.scale)
    mean, logs = _noise_trained(architecture, steps, (start.mean, logs), *data, key, data_weight)
    scale = jax.tree.map(lambda log: np.exp(np.asarray(log, np.float64)), logs)
    return rd.networks.DiagonalPosterior(mean, scale, rd.tree_bits_back_cost(mean, scale), math.nan)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _noise_trained(
    architecture: rd.networks.Architecture,
    steps: int,
    variables: Any,
    x: jax.Array,
    y: jax.Array,
    key: jax.Array,
    data_weight: float,
) -> Any:
    n = len(x)

    def length(variables: Any, key: jax.Array) -> jax.Array:
        means, logs = (jax.tree.leaves(one) for one in variables)
        rows_key, *keys = jax.random.split(key, len(means) + 1)
        rows = jax.random.randint(rows_key, (min(NOISY_BATCH, n),), 0, n)
        drawn = [
            mean + jnp.exp(log) * jax.random.normal(one, mean.shape, mean.dtype)
            for mean, log, one in zip(means, logs, keys, strict=True)
        ]
        network = jax.tree.unflatten(jax.tree.structure(variables[0]), drawn)
        z = rd.networks.logits(architecture, network, x[rows])
        weights = sum(
            jnp.sum(jnp.log(jnp.mean(mean**2 + jnp.exp(2 * log))) / 2 - log)
            for mean, log in zip(means, logs, strict=True)
        )
        return cross_entropy(z, y[rows]).mean() + weights / (n * data_weight)

    optimizer = optax.adam(optax.cosine_decay_schedule(NOISY_RATE, steps))

    def step(carry: Any, key: jax.Array) -> tuple[Any, None]:
        variables, state = carry
        updates, state = optimizer.update(jax.grad(length)(variables, key), state)
        return (optax.apply_updates(variables, updates), state), None

    carry = variables, optimizer.init(variables)
    return jax.lax.scan(step, carry, jax.random.split(key, steps))[0][0]


def rows_of(
    architecture: Any, data: Any, member: Member, weight_decay: float, noisy_steps: int = NOISY_STEPS
) -> Iterator[dict[str, Any]]:
    """One network in every code."""
    judge = Judge(architecture, data, member)
    x, mean = judge.splits["train"][0], member.parameters
    curvature = rd.networks.gauss_newton_diagonal(architecture, mean, x, chunk=256)
    leaves = named_leaves(mean)[0]
    size, n = sum(leaf.size for leaf in leaves.values()), len(x)
    norm = math.sqrt(sum(float((np.asarray(leaf, float) ** 2).sum()) for leaf in leaves.values()))

    def row(
        code: str, setting: float, bits: float, judged: dict[str, float], **more: float
    ) -> dict[str, Any]:
        about = {"data": data.name, "weight_decay": weight_decay, "network": member.index}
        return about | {"code": code, "setting": setting, "weight_bits": bits} | judged | more

    trained = judge(mean)
    yield row("trained", math.nan, 32.0 * size, trained, num_parameters=size, num_images=n, norm=norm)
    posteriors = {("laplace", 1.0): rd.networks.diagonal_posterior(mean, curvature, n)}
    if weight_decay > 0:
        posteriors["own_prior", 1.0] = rd.networks.variational_posterior(
            architecture, mean, x, jax.random.key(member.index), weight_decay=weight_decay, chunk=256
        )
    for number, weight in enumerate(DATA_WEIGHTS[data.name]):
        key = jax.random.fold_in(jax.random.key(member.index), number)
        found = rd.networks.variational_posterior(architecture, mean, x, key, data_weight=weight, chunk=256)
        posteriors["bits_back", weight] = found
        if weight in NOISE_TRAINED[data.name]:
            posteriors["noise_trained", weight] = noise_trained(
                architecture, found, judge.splits["train"], key, weight, noisy_steps
            )
    for (code, setting), posterior in posteriors.items():
        drawn = [posterior.draw(key) for key in jax.random.split(jax.random.key(1000 + member.index), DRAWS)]
        predicted = trained["data_bits"] + posterior.predicted_rise / math.log(2)
        bits = posterior.cost.nats / math.log(2)
        real = code in ("bits_back", "noise_trained") and setting in NOISE_TRAINED[data.name]
        sent = message_bits(posterior, member.index) if real else math.nan
        yield row(code, setting, bits, judge(*drawn), predicted_data_bits=predicted, message_bits=sent)
    precisions = jax.tree.map(lambda s: np.mean(s**-2.0), posteriors["bits_back", 1.0].scale)
    for setting in STEPS:
        steps = jax.tree.map(lambda one, setting=setting: setting * math.sqrt(12 / one), precisions)
        rounded = jax.tree.map(lambda w, step: np.float32(rd.theory.round_to_grid(w, step)), mean, steps)
        bits = rd.tree_code_length(mean, steps).nats / math.log(2)
        yield row("two_part", setting, bits, judge(rounded))
    importance = rd.networks.normalized_importance(curvature)
    for K in CLUSTERS:
        options = rd.QuantizationConfig(num_clusters=K, min_size=1, codebook_dtype="float16", coder="ans")
        tree = rd.quantize_tree(mean, options, importance=importance)
        yield row("rdz", K, 8.0 * tree.file_bytes(), judge(tree.reconstruction()))


def measure(
    name: str,
    decays: tuple[float, ...] = DECAYS,
    models: int = 4,
    folder: pathlib.Path | None = None,
    epochs: int | None = None,
    noisy_steps: int = NOISY_STEPS,
    report: Callable[[str], object] = print,
) -> pd.DataFrame:
    """All rows of a data set.

    Args:
        name: "digits" or "mnist".
        decays: weight decays.
        models: networks of each.
        folder: of the trained networks; ``None`` to keep them in memory.
        epochs: of the training; ``None`` for the papers'.
        noisy_steps: of the training under noise.
        report: called with a line for each network.
    """
    data, rows = rd.networks.load(name), []
    for decay in decays:
        config = ensemble(name, decay, epochs)
        for index in range(models):
            place = None if folder is None else folder / f"{name}-{decay:g}"
            member = rd.networks.train_member(config, data, index, place)
            found = list(rows_of(config.architecture, data, member, decay, noisy_steps))
            rows += found
            report(f"{name}, weight decay {decay:g}, network {index}: {found[0]['test_accuracy']:.2%}")
    return pd.DataFrame(rows)


def best(frame: Any, *, equally_accurate: bool) -> Any:
    """One row for each data set, weight decay and code: means over networks at the setting that is best.

    Args:
        frame: of ``measure``.
        equally_accurate: the fewest weight bits among settings whose mean accuracy on held-out images is
            within a point of the trained networks'; else the least total of weight and data bits.

    Returns:
        Means; ``total_bits``, ``bits_per_weight``, and the standard error of the latter over networks. Codes
        of which no setting is as accurate are not there.
    """
    numbers = frame.groupby(["data", "weight_decay"])[["num_parameters", "num_images"]].max()
    frame = frame.drop(columns=list(numbers)).join(numbers, on=["data", "weight_decay"])
    frame["total_bits"] = frame["weight_bits"] + frame["data_bits"]
    frame["bits_per_weight"] = frame["weight_bits"] / frame["num_parameters"]
    groups = frame.groupby(KEYS, dropna=False)
    means = groups.mean(numeric_only=True).reset_index()
    errors = groups["bits_per_weight"].sem().rename("bits_per_weight_error").reset_index()
    means = means.merge(errors, on=KEYS)
    trained = means[means["code"] == "trained"].set_index(["data", "weight_decay"])["holdout_accuracy"]
    codes = means[~means["code"].isin(["trained"])]
    measure = "total_bits"
    if equally_accurate:
        least = codes.join(trained.rename("least"), on=["data", "weight_decay"])["least"] - POINT
        codes, measure = codes[codes["holdout_accuracy"] >= least - 1e-12], "weight_bits"
    places = codes.groupby(["data", "weight_decay", "code"])[measure].idxmin()
    return codes.loc[places].reset_index(drop=True)


def printed(frame: Any) -> str:
    """The tables."""
    totals, equal = best(frame, equally_accurate=False), best(frame, equally_accurate=True)
    lines = []
    for (name, decay), trained in frame[frame["code"] == "trained"].groupby(["data", "weight_decay"]):
        mean = trained.mean(numeric_only=True)
        plain = mean["num_images"] * math.log2(10)
        lines.append(
            f"{name}, weight decay {decay:g}: {len(trained)} networks, accuracy {mean['test_accuracy']:.2%}, "
            f"norm {mean['norm']:.1f}; {mean['num_parameters']:,.0f} weights, labels alone {plain:,.0f} bits"
        )
        for title, table in (("least total", totals), ("equally accurate", equal)):
            for _, one in table[(table["data"] == name) & (table["weight_decay"] == decay)].iterrows():
                told = "".join(
                    f", {one[column]:,.0f} {what}"
                    for column, what in (
                        ("predicted_data_bits", "of data predicted"),
                        ("message_bits", "of weights in a real message"),
                    )
                    if not np.isnan(one[column])
                )
                lines.append(
                    f"  {title:16} {one['code']:13} setting {one['setting']:<6g} "
                    f"{one['bits_per_weight']:.3f} ± {one['bits_per_weight_error']:.3f} bits a weight: "
                    f"{one['weight_bits']:,.0f} + {one['data_bits']:,.0f} = {one['total_bits']:,.0f} bits, "
                    f"accuracy {one['test_accuracy']:.2%}{told}"
                )
    return "\n".join(lines)


def main() -> int:
    """Measure, print the tables, write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="*", default=["digits", "mnist"])
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--weight-decay", type=float, nargs="+", default=list(DECAYS))
    parser.add_argument("--networks", type=pathlib.Path)
    parser.add_argument("--csv", type=pathlib.Path)
    options = parser.parse_args()
    if options.csv is not None:
        require_target(options.csv)
    frames = []
    for name in options.data:
        frame = measure(name, tuple(options.weight_decay), options.models, options.networks)
        frames.append(frame)
    frame = pd.concat(frames, ignore_index=True)
    print(printed(frame))
    if options.csv is not None:
        write_together({options.csv: frame.to_csv(index=False, float_format="%.8g").encode()})
    return 0


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of arrays with fewer weights than clusters
        raise SystemExit(main())
