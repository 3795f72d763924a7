"""Networks at equal bytes: rounding, K-means, Hessian-weighted K-means, and rounding with feedback.

python benchmarks/feedback.py [mnist | digits] [--models 10] [--bits 0.7 1.1 1.6] [--networks networks]

All matrices of weights are quantised, within so many bits a weight, codebooks, counts and header of the file
included, labels by asymmetric numeral systems. The networks are those of ``ratedist mnist`` and
``ratedist digits``, and are trained where they are not in the folder.

"rounding" has the steps of "feedback", in their proportions, without feeding back. "equal steps" has one step
for all layers. K-means chooses the number of clusters of each layer within the budget.
"outputs" is the part of the energy of the layers' outputs that the error has, on test images, each layer fed
by the original network: the geometric mean over layers. Changes are against the original, paired network by
network, ± one standard error.
"""

from __future__ import annotations

import argparse
import functools
import os
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import ratedist as rd
from ratedist.estimate import Moments
from ratedist.experiments.network_config import DigitsConfig, NetworkConfig
from ratedist.networks import feedback
from ratedist.networks.assessment import Splits, assess
from ratedist.networks.ensemble import train_member
from ratedist.networks.importance import in_proportion, normalized
from ratedist.networks.layer_inputs import LayerInputs, layer_inputs
from ratedist.tensors.leaves import named_leaves

METHODS = ("equal steps", "rounding", "K-means", "Hessian-weighted", "feedback")
LOSSES = ("test_loss", "calibrated_test_loss")


def quantised(
    method: str, parameters: Any, bits: float, inputs: dict[str, LayerInputs], diagonal: Any
) -> Any:
    """The tree of one method within a budget."""
    config = rd.QuantizationConfig(bits_per_weight=bits, include=("*.weight",), min_size=1, coder="ans")
    named, _ = named_leaves(diagonal)
    importance = in_proportion(normalized(named), named, named_leaves(parameters)[0])
    if method == "K-means":
        return rd.quantize_tree(parameters, config)
    leaves, structure = named_leaves(parameters)
    if method == "Hessian-weighted":
        return rd.quantize_tree(
            parameters, config, importance=jax.tree.unflatten(structure, list(importance.values()))
        )
    if method != "feedback":
        # Uncorrelated inputs have nothing to feed back. With equal importances all layers have one step.
        weight = dict.fromkeys(leaves, 1.0)
        if method == "rounding":
            for name, one in inputs.items():
                weight[name] = float(np.mean(named[name])) * pivot_part(one, leaves[name])
        importance = {name: np.full(np.shape(leaf), weight[name]) for name, leaf in leaves.items()}
        inputs = {
            name: LayerInputs(one.input_axes, one.output_axes, np.eye(len(one.second_moment)))
            for name, one in inputs.items()
        }
    chosen = [name for name in leaves if name.endswith(".weight")]
    return feedback.quantize_with_inputs(leaves, structure, chosen, config, inputs, importance)


def pivot_part(inputs: LayerInputs, leaf: Any) -> float:
    """The mean pivot of a layer's inputs over their mean energy."""
    layer = feedback.FeedbackLayer.of(inputs.matrix(np.asarray(leaf, np.float64)), inputs.second_moment)
    return float(np.mean(layer.factor.pivots) / np.mean(np.diag(layer.second_moment)))


def error_of_outputs(before: Any, after: Any, inputs: dict[str, LayerInputs]) -> float:
    """Geometric mean over layers of tr EᵀME over tr WᵀMW."""
    old, new = named_leaves(before)[0], named_leaves(after)[0]
    logarithms = []
    for name, one in inputs.items():
        W = one.matrix(np.asarray(old[name], np.float64))
        E = W - one.matrix(np.asarray(new[name], np.float64))
        energy = [np.sum(matrix * (one.second_moment @ matrix)) for matrix in (E, W)]
        logarithms.append(np.log(energy[0] / energy[1]))
    return float(np.exp(np.mean(logarithms)))


def numbers(assessed: dict[str, Any]) -> dict[str, float]:
    """What is printed of an assessment."""
    return {name: assessed[name] for name in ("test_accuracy", *LOSSES)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", nargs="?", default="mnist", choices=("mnist", "digits"))
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--bits", type=float, nargs="+")
    parser.add_argument("--networks", type=Path, default=Path("networks"))
    options = parser.parse_args()
    bits = options.bits or ((0.7, 1.1, 1.6) if options.data == "mnist" else (2.0, 2.5, 3.0, 4.0))
    ensemble = (NetworkConfig() if options.data == "mnist" else DigitsConfig()).ensemble()
    network, data = ensemble.architecture, rd.networks.load(options.data)
    rows: dict[tuple[Any, ...], list[dict[str, float]]] = {}
    spent = dict.fromkeys(METHODS, 0.0)
    for index in range(options.models):
        member = train_member(ensemble, data, index, options.networks)

        def images(pixels: np.ndarray) -> np.ndarray:
            return data.scaled(pixels).reshape(-1, *network.input_shape)

        pairs = [
            (images(data.train_images[member.train_rows]), data.train_labels[member.train_rows]),
            (images(data.train_images[member.holdout_rows]), data.train_labels[member.holdout_rows]),
            (images(data.test_images), data.test_labels),
        ]
        splits, function = Splits(*pairs), functools.partial(rd.networks.logits, network)
        inputs = layer_inputs(function, member.parameters, pairs[0][0])
        new_inputs = layer_inputs(function, member.parameters, pairs[2][0])
        diagonal = rd.networks.gauss_newton_diagonal(network, member.parameters, pairs[0][0])
        original = assess(network, member.parameters, splits)
        same = {"outputs": 0.0, "bits": 32.0} | {f"change of {name}": 0.0 for name in LOSSES}
        rows.setdefault(("original", 32.0), []).append({**numbers(original), **same})
        for budget in bits:
            for method in METHODS:
                start = time.process_time()
                try:
                    tree = quantised(method, member.parameters, budget, inputs, diagonal)
                except ValueError as error:  # fewer bits than K-means takes with two clusters
                    print(f"network {index}, {method}: {error}", flush=True)
                    continue
                spent[method] += time.process_time() - start
                after = tree.reconstruction()
                found = numbers(assess(network, after, splits))
                found["outputs"] = error_of_outputs(member.parameters, after, new_inputs)
                biases = sum(np.size(one) * 4 for one in tree.others.values())
                found["bits"] = 8 * (tree.file_bytes() - biases) / network.num_weights
                for name in LOSSES:
                    found[f"change of {name}"] = found[name] - original[name]
                rows.setdefault((method, budget), []).append(found)
        print(f"network {index}: {os.getloadavg()[0]:.1f} processes at once", flush=True)
    print(f"\n{options.data}, {options.models} networks, {network.num_weights:,} weights each")
    print("| bits | method | bits of the file | outputs | accuracy | test loss | change | own T | change |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for (method, budget), several in rows.items():
        if len(several) < options.models:
            continue
        cells = {name: np.array([one[name] for one in several]) for name in several[0]}
        # Zero for the original itself.
        outputs = np.exp(np.mean(np.log(cells["outputs"]))) if method != "original" else 0.0
        line = [
            f"{budget:g}",
            method,
            f"{cells['bits'].mean():.3f}",
            f"{outputs:.2g}",
            f"{cells['test_accuracy'].mean():.2%}",
        ]
        for name in ("test_loss", "calibrated_test_loss"):
            values = cells[f"change of {name}"]
            change = Moments.of(("x",), values[:, None]).estimate("x") if len(values) > 1 else None
            line += [
                f"{cells[name].mean():.4f}",
                "" if change is None or method == "original" else f"{change.mean:+.4f} ± {change.sem:.4f}",
            ]
        print("| " + " | ".join(line) + " |")
    if options.models > 1:
        print("\nfeedback minus Hessian-weighted, paired: test loss, and with own temperatures")
        for budget in bits:
            pair = [rows.get((method, budget), []) for method in ("feedback", "Hessian-weighted")]
            if min(len(several) for several in pair) < options.models:
                continue
            cells = []
            for name in LOSSES:
                values = np.array([one[name] - other[name] for one, other in zip(*pair, strict=True)])
                difference = Moments.of(("x",), values[:, None]).estimate("x")
                cells.append(f"{difference.mean:+.4f} ± {difference.sem:.4f}")
            print(f"| {budget:g} | " + " | ".join(cells) + " |")
    print({method: f"{seconds / options.models / len(bits):.1f} CPU s" for method, seconds in spent.items()})


if __name__ == "__main__":
    main()
