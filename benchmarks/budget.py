"""Budgets of bits on three trained networks, against the same number of clusters everywhere.

    RATEDIST_DATA_DIR=FOLDER python benchmarks/budget.py [--curvature]

An MLP and a small convolutional network on MNIST, and scikit-learn's MLP on its digits. For each K the bytes
of the file with K clusters in every layer are what the budget may take; for 2 and 3 bits K is the largest
whose file is within them. A line says whether the file kept to the budget, whether a layer is a constant, and
both accuracies, with the standard error of their difference on the test images. Accuracy does not rise with
every K: where bytes were left to spend, a second line names the worst of the larger equal K, up to the
largest that a layer got. With --curvature the budget goes by the Gauss–Newton diagonal, in place of the
relative errors. Then a sweep of budgets, for the sizes of files alone. The exit status is 1 if a file is
larger than asked, if a layer is constant, or if an accuracy is below that at equal K: at all for the same
bytes without curvature, else by four standard errors. See docs/quantizers.md §11."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ratedist as rd
from ratedist.networks.architecture import Architecture, convolutional_network, logits, mlp
from ratedist.networks.curvature import pytrees

CLUSTERS = (2, 3, 4, 6, 8, 16)
BITS = (2.0, 3.0)
MOST_CLUSTERS = 32
TRAIN_IMAGES = 6000


@dataclasses.dataclass(frozen=True)
class Network:
    """A trained network, what it was trained on, and what it is judged on."""

    name: str
    parameters: Any
    function: Callable[[Any, Any], Any]
    train: np.ndarray
    images: np.ndarray
    labels: np.ndarray

    def recognised(self, parameters: Any) -> np.ndarray:
        """Whether each test image is recognised, 0 or 1."""
        predicted = np.argmax(self.function(parameters, self.images), axis=1)
        return np.asarray(predicted == self.labels, np.float64)


def networks() -> Iterator[Network]:
    """The three, trained from fixed seeds."""
    data = rd.networks.load("mnist")
    train, test = data.scaled(data.train_images[:TRAIN_IMAGES]), data.scaled(data.test_images)
    recipes = {
        "MNIST MLP": (mlp(), rd.networks.Recipe(0.05, batch_size=50, epochs=8)),
        "MNIST conv": (
            convolutional_network((28, 28, 1), (8, 16, 32), (64,), 10, (1, 2, 3)),
            rd.networks.Recipe(0.05, batch_size=50, epochs=4, dropout=0.1),
        ),
    }
    for name, (architecture, recipe) in recipes.items():
        x, images = (part.reshape(-1, *architecture.input_shape) for part in (train, test))
        labels = data.train_labels[:TRAIN_IMAGES]
        parameters = rd.networks.train(architecture, recipe, x, labels, jax.random.key(0))
        yield Network(name, parameters, _logits(architecture), x, images, data.test_labels)

    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    x, y = (np.asarray(part, np.float32) for part in load_digits(return_X_y=True))
    x, y = x / 16, y.astype(int)
    model = MLPClassifier((64, 64), max_iter=300, random_state=0, tol=1e-3).fit(x[:1200], y[:1200])
    parameters = {
        f"dense{place}": {"weight": np.float32(weight), "bias": np.float32(bias)}
        for place, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True), start=1)
    }
    yield Network("sklearn digits", parameters, _logits(mlp(64, (64, 64))), x[:1200], x[1200:], y[1200:])


def _logits(architecture: Architecture) -> Callable[[Any, Any], Any]:
    return jax.jit(lambda parameters, images: logits(architecture, parameters, jnp.asarray(images)))


def bits_in_file(tree: rd.QuantizedTree, path: pathlib.Path) -> tuple[int, float]:
    """Bytes of the file, and bits for each weight of a quantised layer beside the data of the others."""
    size = tree.save(path)
    raw = sum(np.asarray(leaf).nbytes for leaf in tree.others.values())
    return size, 8 * (size - raw) / sum(t.num_weights for t in tree.quantized.values())


def constants(tree: rd.QuantizedTree) -> int:
    """Number of layers whose weights are all the same."""
    return sum(np.ptp(t.reconstruction().astype(float)) == 0 for t in tree.quantized.values())


def main() -> int:
    """Print the table and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--curvature", action="store_true")
    options = parser.parse_args()
    layers = {"include": ("*.weight",), "min_size": 1}
    bad = 0
    print(
        f"{'network':15} {'K':>3} {'bits':>7} {'bytes':>8} {'budget':>8} constant"
        "  accuracy  budget            s  K by layer"
    )
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        path = pathlib.Path(name) / "network.rdz"
        for network in networks():
            print(
                f"{network.name:15} as trained: accuracy {network.recognised(network.parameters).mean():.4f}"
            )
            importance = None
            if options.curvature:
                found = pytrees.sample_diagonal(
                    network.function, network.parameters, network.train, 300, jax.random.key(0)
                )
                importance = jax.tree.map(lambda h: np.asarray(h) + 1e-6 * np.mean(h), found.diagonal)
            cases = [(K, None) for K in CLUSTERS] + [(None, bits) for bits in BITS]
            for K, asked in cases:
                equal, size, bits = _equal(network, K, asked, importance, layers, path)
                start = time.perf_counter()
                tree = rd.quantize_tree(
                    network.parameters,
                    rd.QuantizationConfig(bits_per_weight=asked or bits, **layers),
                    importance=importance,
                )
                seconds = time.perf_counter() - start
                spent, spent_bits = bits_in_file(tree, path)
                before, after = (network.recognised(one.reconstruction()) for one in (equal, tree))
                error = np.std(after - before) / np.sqrt(after.size)
                larger = spent_bits > (asked or bits) or constants(tree) > 0
                allowed = 0.0 if importance is None and asked is None else 4 * error
                bad += larger or after.mean() < before.mean() - allowed
                mark = "!" if larger else "<" if after.mean() < before.mean() else " "
                print(
                    f"{mark}{f'asked {asked}' if asked else '':14} {_clusters(equal)[0]:>3} {bits:7.4f} "
                    f"{size:>8} {spent:>8} {constants(tree):>8}  {before.mean():8.4f} {after.mean():7.4f} "
                    f"± {error:.4f} {seconds:4.1f}  {' '.join(map(str, _clusters(tree)))}"
                )
                others = _accuracies(network, equal, tree, importance, layers) if asked else {}
                if others:
                    k = min(others, key=others.__getitem__)
                    print(f"{'':20} worst of K = {min(others)} to {max(others)}: {others[k]:.4f} at K = {k}")
            bad += _sweep(network, importance, layers, path)
    return int(bad > 0)


def _clusters(tree: rd.QuantizedTree) -> list[int]:
    return [tensor.num_clusters for tensor in tree.quantized.values()]


def _accuracies(
    network: Network, equal: rd.QuantizedTree, tree: rd.QuantizedTree, importance: Any, layers: dict[str, Any]
) -> dict[int, float]:
    """Accuracy with K in every layer, for each K above that of ``equal`` up to the largest of ``tree``."""
    found = {}
    for K in range(_clusters(equal)[0] + 1, max(_clusters(tree)) + 1):
        tree = rd.quantize_tree(
            network.parameters, rd.QuantizationConfig(num_clusters=K, **layers), importance=importance
        )
        found[K] = float(network.recognised(tree.reconstruction()).mean())
    return found


def _equal(
    network: Network,
    K: int | None,
    asked: float | None,
    importance: Any,
    layers: dict[str, Any],
    path: pathlib.Path,
) -> tuple[rd.QuantizedTree, int, float]:
    """K clusters in every layer, or the most within what is asked: with bytes and bits of the file."""
    best = None
    for clusters in [K] if K else range(2, MOST_CLUSTERS + 1):
        tree = rd.quantize_tree(
            network.parameters, rd.QuantizationConfig(num_clusters=clusters, **layers), importance=importance
        )
        size, bits = bits_in_file(tree, path)
        if asked is not None and bits > asked:
            break
        best = tree, size, bits
    if best is None:
        raise ValueError(f"no number of clusters is within {asked} bits")
    return best


def _sweep(network: Network, importance: Any, layers: dict[str, Any], path: pathlib.Path) -> int:
    """Number of budgets that a file exceeds, of some between the least and more than can be spent."""
    try:
        rd.quantize_tree(
            network.parameters, rd.QuantizationConfig(bits_per_weight=1e-3, **layers), importance=importance
        )
        return 1
    except ValueError as refusal:
        least = float(str(refusal).split("at least ")[1].split()[0])
    larger = 0
    budgets = [least, *np.linspace(least, 9.0, 12)[1:], 1e6]
    for bits in budgets:
        tree = rd.quantize_tree(
            network.parameters, rd.QuantizationConfig(bits_per_weight=bits, **layers), importance=importance
        )
        larger += bits_in_file(tree, path)[1] > bits or constants(tree) > 0
    print(f"{'':15} {larger} of {len(budgets)} files from {least} bits on larger than asked")
    return larger


if __name__ == "__main__":
    raise SystemExit(main())
