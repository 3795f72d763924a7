"""How far from the optimum scalar Lloyd ends by default, against other starts and scikit-learn with one.

    python benchmarks/lloyd_starts.py [--size 20000] [--clusters 2 3 4 8 16 17 18 64 256] [--json FILE]

Prints, for each source and number of clusters, the objective over the optimum (``method="optimal"``), the
empty clusters and the seconds. The networks are scikit-learn's multilayer perceptron, trained on its digits,
one vector for each layer."""

from __future__ import annotations

import argparse
import importlib
import json
import pathlib
import time
import warnings
from typing import Any

import numpy as np

from ratedist.quantizers import Lloyd, kmeans

STARTS: tuple[str | None, ...] = (None, "high_rate", "quantile", "linear", "kmeans++")


def sources(size: int) -> dict[str, np.ndarray]:
    """Weights by name; the trained layers have the sizes that they have."""
    rng = np.random.default_rng(1)
    normal = rng.normal(size=size)
    panel = {
        "normal": normal,
        "laplace": rng.laplace(size=size),
        "student t2": np.random.default_rng(1).standard_t(2, size),
        "outlier 100": np.append(normal, 100.0),
        "two levels": np.where(rng.random(size) < 0.5, -1.0, 1.0) + 0.05 * rng.normal(size=size),
        "ties": np.round(normal, 1),
    }
    return panel | trained_layers()


def trained_layers() -> dict[str, np.ndarray]:
    """Layers of a perceptron 64–256–128–10 that knows the digits, plain and by weight decay."""
    try:
        from sklearn.datasets import load_digits
        from sklearn.neural_network import MLPClassifier
    except ImportError:
        return {}
    images, classes = load_digits(return_X_y=True)
    layers = {}
    for decay in (1e-4, 0.3):
        network = MLPClassifier((256, 128), alpha=decay, max_iter=200, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of iterations that did not converge
            network.fit(images / 16.0, classes)
        for number, weights in enumerate(network.coefs_, 1):
            layers[f"layer {number}, decay {decay:g}"] = weights.ravel().astype(np.float32).astype(float)
    return layers


def peer(weights: np.ndarray, num_clusters: int) -> tuple[float, float]:
    """Objective and seconds of scikit-learn with one start, NaN where it is not installed."""
    try:
        cluster = importlib.import_module("sklearn.cluster")
    except ImportError:
        return np.nan, np.nan
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = cluster.KMeans(num_clusters, n_init=1, random_state=0).fit(weights[:, None])
    return float(np.asarray(found.inertia_)), time.perf_counter() - start


def measured(name: str, weights: np.ndarray, num_clusters: int) -> dict[str, Any]:
    """One row: ratios to the optimum, empty clusters, seconds."""
    start = time.perf_counter()
    optimum = kmeans(weights, num_clusters, method="optimal").objective
    row: dict[str, Any] = {"source": name, "num_clusters": num_clusters}
    row["seconds of optimal"] = time.perf_counter() - start
    for init in STARTS:
        label = "default" if init is None else init
        start = time.perf_counter()
        found = kmeans(weights, num_clusters, method=Lloyd(init=init), key=0)
        row[f"seconds of {label}"] = time.perf_counter() - start
        row[label] = found.objective / optimum
        row[f"empty in {label}"] = int(np.count_nonzero(found.counts == 0))
    objective, row["seconds of scikit-learn"] = peer(weights, num_clusters)
    row["scikit-learn"] = objective / optimum
    return row


def show(row: dict[str, Any]) -> None:
    """Print a row: ratios, then empty clusters of the default, then seconds."""
    names = ["default", *(str(init) for init in STARTS[1:]), "scikit-learn"]
    ratios = " ".join(f"{row[name]:10.4f}" for name in names)
    seconds = " ".join(f"{row[f'seconds of {name}']:8.4f}" for name in ("default", "optimal", "scikit-learn"))
    print(
        f"{row['source']:20s} {row['num_clusters']:4d} {ratios} {row['empty in default']:6d} {seconds}",
        flush=True,
    )


def main() -> None:
    """Measure everything and print it, one line for a source and a number of clusters."""
    parser = argparse.ArgumentParser(description="Ratios of Lloyd's objective to the optimum.")
    parser.add_argument("--size", type=int, default=20_000)
    parser.add_argument("--clusters", type=int, nargs="+", default=[2, 3, 4, 8, 16, 17, 18, 64, 256])
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    names = ["default", *(str(init) for init in STARTS[1:]), "scikit-learn"]
    print("source                  K " + " ".join(f"{name:>10s}" for name in names), end="")
    print("  empty  default  optimal  scikit-learn (seconds)")
    rows = []
    for name, weights in sources(arguments.size).items():
        distinct = np.unique(weights).size
        for num_clusters in (K for K in arguments.clusters if distinct > K):
            rows.append(measured(name, weights, num_clusters))
            show(rows[-1])
    for label in (*names[:-1], "scikit-learn"):
        ratios = np.array([row[label] for row in rows])
        print(f"{label:12s} worst {ratios.max():.4f}, mean {ratios.mean():.4f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
