"""Bytes of three real networks at equal error: trellises beside what people use, and NNCodec.

    ratedist mnist --models 1 --out OUT --networks NETS/mnist
    ratedist cifar10 --models 1 --out OUT --networks NETS/cifar
    pip download silero-vad==6.2.3 --no-deps
    python benchmarks/real_networks.py NETS/mnist/mnist-000.safetensors NETS/cifar/cifar10-000.safetensors \
        silero_vad-6.2.3-py3-none-any.whl --nncodec nnc/bin/python [--layers] [--quick]

Each rival codes the weights of all layers. Then the trellis codes each layer with at most the same squared
error, and the ratio is its bytes over those of the rival. ``.rdz`` files are counted whole, and so are the
streams of NNCodec; of fixed-length formats the bits of labels, scales and zero points. Biases stay as they
are. How to get NNCodec is in ``nncodec_points.py``; without ``--nncodec`` it is left out.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import time
from collections.abc import Iterator

from formats import FORMATS
from network_rivals import Coded, Layers, fixed, k_means, layers_of, nncodec, scalar, trellis

RATES = (2.0, 3.0, 4.0)
FIXED = (
    "int4, groups of 64",
    "int4, groups of 64, best scales",
    "int4, groups of 64, zero points",
    "NF4, blocks of 64, scales in 8 bits",
)
SCALES = (0.0, 1.0)
PARAMETERS = range(-36, -4, 2)


def rivals(
    weights: Layers, rates: list[float], python: str | None, alone: bool, only: str
) -> Iterator[tuple[str, Coded]]:
    """Everybody's layers, by name; NNCodec's at the parameters nearest to the rates."""
    size = sum(w.size for w in weights.values())
    for bits in rates:
        name, other = f"K-means + ANS, {bits:g} bits", f"entropy-coded scalars, near {bits:g} bits"
        if only in name or only in other:
            found = k_means(weights, bits)
            if only in name:
                yield name, found
            if only in other:
                yield other, scalar(weights, mean(found, weights))
    for name in FIXED:
        if only in name:
            yield name, fixed(weights, FORMATS[name])
    for scale in SCALES:
        name = f"NNCodec, λ scale {scale:g}"
        if python is None or only not in name:
            continue
        every = nncodec(weights, python, [(parameter, scale) for parameter in PARAMETERS], alone)
        for bits in rates:
            apart = [abs(8 * one.all_bytes / size - bits) for one in every]
            near = apart.index(min(apart))
            yield f"{name}, qp {PARAMETERS[near]}", every[near]


def mean(coded: Coded, weights: Layers) -> float:
    """Squared error of a weight, over all layers."""
    errors = coded.errors(weights)
    return sum(errors[name] * w.size for name, w in weights.items()) / sum(w.size for w in weights.values())


def compare(weights: Layers, name: str, rival: Coded, states: list[int], layers: bool) -> None:
    """Lines of the table: a rival and the trellises at its error, in all and layer by layer."""
    size, errors = sum(w.size for w in weights.values()), rival.errors(weights)
    start = time.process_time()
    ours = [trellis(weights, one, errors) for one in states]
    seconds = time.process_time() - start
    worst = max(
        one.errors(weights)[layer] / errors[layer] for one in ours for layer in weights if errors[layer]
    )
    print(
        f"{name:40} {8 * rival.all_bytes / size:6.3f} {mean(rival, weights):9.3e} {rival.all_bytes:9,} "
        + " ".join(f"{one.all_bytes:9,} {one.all_bytes / rival.all_bytes:6.3f}" for one in ours)
        + ("   " if worst <= 1 + 1e-9 else f"   ERROR LARGER: {worst:.4f}")
        + ("fewer" if all(one.all_bytes < rival.all_bytes for one in ours) else "NOT FEWER")
        + f" {seconds:6.1f} s",
        flush=True,
    )
    for layer, w in weights.items() if layers else ():
        print(
            f"    {layer:24} {'×'.join(map(str, w.shape)):>11} {8 * rival.layer_bytes[layer] / w.size:6.3f} "
            f"{errors[layer]:9.3e} {rival.layer_bytes[layer]:9,} "
            + " ".join(
                f"{one.layer_bytes[layer]:9,} {one.layer_bytes[layer] / rival.layer_bytes[layer]:6.3f}"
                for one in ours
            )
        )


def main() -> None:
    """Print a table for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path, help=".safetensors, or a wheel with one")
    parser.add_argument("--states", type=int, nargs="+", default=[8, 256])
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="bits a weight")
    parser.add_argument("--nncodec", metavar="PYTHON", help="interpreter that has nncodec")
    parser.add_argument("--only", default="", help="rivals whose names have this")
    parser.add_argument("--layers", action="store_true", help="a line for each layer, too")
    parser.add_argument("--quick", action="store_true", help="two bits, eight states: minutes")
    options = parser.parse_args()
    states, rates = ([8], [2.0]) if options.quick else (options.states, options.rates)
    for path in options.files:
        weights = layers_of(path)
        print(f"\n{path.name}: {sum(w.size for w in weights.values()):,} weights in {len(weights)} layers")
        print(
            f"{'rival':40} {'bits':>6} {'error':>9} {'bytes':>9} "
            + " ".join(f"{one:>5} states ratio" for one in states)
        )
        for name, rival in rivals(weights, rates, options.nncodec, options.layers, options.only):
            compare(weights, name, rival, states, options.layers)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"\nseconds are of the processor; load of the machine in the last 1, 5 and 15 minutes: {load}")


if __name__ == "__main__":
    main()
