"""What a change of its parameters does to any model: the same samples before and after."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ratedist import _checks
from ratedist.estimate import Estimate, Moments
from ratedist.networks.architecture import Architecture, logits_function
from ratedist.networks.calibration import fit_temperature
from ratedist.networks.curvature.tree_moments import num_samples
from ratedist.networks.losses import sample_cross_entropies
from ratedist.networks.pytrees import Arrays, split_arrays, take
from ratedist.tensors.leaves import named_leaves

# Of parameters and samples: logits of shape (batch, classes), or losses of shape (batch,).
Function = Callable[[Any, Any], Any]
RETURNS = ("logits", "loss")
# Samples at once.
CHUNK = 256


@dataclasses.dataclass(frozen=True)
class Change:
    """One quantity before and after.

    Attributes:
        before: mean over samples, its standard error, and their number.
        after: the same.
        difference: after minus before, paired sample by sample; ``None`` where there is no pairing.
    """

    before: Estimate
    after: Estimate
    difference: Estimate | None


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """A table of changes; ``print`` shows it.

    Attributes:
        rows: ``train_loss`` (nats), ``train_accuracy``, and the same for ``holdout`` and ``test``;
            ``temperature``, and ``calibrated_test_loss``, the loss with logits divided by it.
        columns: names of what is compared.
    """

    rows: dict[str, Change]
    columns: tuple[str, str] = ("before", "after")

    def __getitem__(self, name: str) -> Change:
        return self.rows[name]

    def __str__(self) -> str:
        lines = [["", *self.columns, "difference, paired"]]
        for name, change in self.rows.items():
            difference = "" if change.difference is None else _cell(change.difference, "+")
            lines.append([name.replace("_", " "), _cell(change.before), _cell(change.after), difference])
        widths = [max(len(line[place]) for line in lines) for place in range(4)]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )


def compare(
    function: Function | Architecture,
    before: Any,
    after: Any,
    train: Any,
    holdout: Any = None,
    test: Any = None,
    *,
    returns: str = "logits",
    columns: tuple[str, str] = ("before", "after"),
) -> Comparison:
    """Losses, accuracies and calibration of a model under two sets of parameters.

    A cross-entropy falls, too, when a network merely gets less confident. Each side therefore has a
    temperature of its own, that divides its logits and minimises its loss on ``holdout``. Only a difference
    between the calibrated losses is more than calibration.

    Args:
        function: ``function(parameters, inputs)``, logits of shape ``(batch, classes)``; or, where
            ``returns="loss"``, ``function(parameters, samples)``, the loss of each sample. An
            ``Architecture`` stands for its logits.
        before: parameters before the change, any pytree.
        after: parameters after the change, in a tree of the same structure.
        train: what the model was trained on, ``(inputs, labels)``; for a loss any pytree of arrays with
            samples along the first axis.
        holdout: samples that the model was not trained on, of the form of ``train``. Without them there are
            no temperatures.
        test: samples to be judged on besides, of the form of ``train``.
        returns: "logits" or "loss", what ``function`` returns.
        columns: names of the two sides.

    Raises:
        ValueError: trees of different structure, samples of another form, outputs of another shape.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> def slope(parameters, inputs):
        ...     return parameters * inputs
        >>> inputs, labels = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1])
        >>> found = rd.networks.compare(slope, np.array(0.0), np.array(1.0), (inputs, labels))
        >>> f"{found['train_loss'].before.mean:.4f} {found['train_loss'].after.mean:.4f}"
        '0.6931 0.3133'
    """
    function = logits_function("function", function)
    _checks.one_of("returns", returns, RETURNS)
    if jax.tree.structure(before) != jax.tree.structure(after):
        raise ValueError("before and after must be trees of one structure")
    splits = {"train": train, "holdout": holdout, "test": test}
    splits = {name: samples for name, samples in splits.items() if samples is not None}
    sides = _both_sides(function, before, after)
    rows: dict[str, Change] = {}
    if returns == "loss":
        for name, samples in splits.items():
            rows[f"{name}_loss"] = _change(*(_losses(side, samples) for side in sides))
        return Comparison(rows, columns)
    logits = {name: [_logits(side, samples) for side in sides] for name, samples in splits.items()}
    for name, pair in logits.items():
        y = np.asarray(splits[name][1])
        rows[f"{name}_loss"] = _change(*(sample_cross_entropies(z, y) for z in pair))
        rows[f"{name}_accuracy"] = _change(*((np.argmax(z, axis=1) == y).astype(float) for z in pair))
    if "holdout" in logits:
        y = np.asarray(splits["holdout"][1])
        fits = [fit_temperature(z, y) for z in logits["holdout"]]
        if any(fit.at_edge for fit in fits):  # these samples determine no temperature
            return Comparison(rows, columns)
        estimates = [Estimate(fit.temperature, fit.standard_error, len(y)) for fit in fits]
        rows["temperature"] = Change(estimates[0], estimates[1], None)
        if "test" in logits:
            y = np.asarray(splits["test"][1])
            pair = zip(logits["test"], fits, strict=True)
            rows["calibrated_test_loss"] = _change(
                *(sample_cross_entropies(z / fit.temperature, y) for z, fit in pair)
            )
    return Comparison(rows, columns)


def sample_losses(
    function: Function | Architecture, parameters: Any, samples: Any, *, returns: str = "logits"
) -> np.ndarray:
    """The loss of each sample.

    Args:
        function: ``function(parameters, inputs)``, logits of shape ``(batch, classes)``; or, where
            ``returns="loss"``, ``function(parameters, samples)``, the loss of each sample. An
            ``Architecture`` stands for its logits.
        parameters: the parameters of the network, any pytree.
        samples: ``(inputs, labels)``, or for a loss any pytree of arrays with samples along the first axis.
        returns: "logits" or "loss", what ``function`` returns.

    Returns:
        Float64 of shape ``(samples,)``; nats, if made of logits.

    Raises:
        ValueError: as ``compare``.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> def scaled(parameters, inputs):
        ...     return parameters * inputs
        >>> samples = (np.ones((3, 2)), np.array([0, 1, 1]))
        >>> rd.networks.sample_losses(scaled, np.array(0.0), samples)  # ln 2 for each
        array([0.69314718, 0.69314718, 0.69314718])
    """
    of_all = compiled(logits_function("function", function), parameters)
    if _checks.one_of("returns", returns, RETURNS) == "loss":
        return _losses(of_all, samples)
    return sample_cross_entropies(_logits(of_all, samples), np.asarray(samples[1]))


def check_pair(name: str, samples: Any) -> None:
    """Raise ``ValueError`` unless samples are inputs and their labels, as many of one as of the other."""
    if not isinstance(samples, tuple | list) or len(samples) != 2:
        raise ValueError(f"{name} must be a pair (inputs, labels), got a {type(samples).__name__}")
    num_samples(samples)
    labels = np.asarray(samples[1])
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or np.any(labels < 0):
        raise ValueError(
            f"labels of {name} must be integers from 0 on, of shape (samples,), "
            f"got {labels.dtype} of shape {labels.shape}"
        )


def compiled(function: Function, parameters: Any) -> Callable[..., np.ndarray]:
    """What the function returns for all samples, in chunks of one shape, so that it is compiled once.

    Returns:
        A function of samples, and of other arrays in place of those of ``parameters``, if need be: those
        that ``split_arrays`` finds in a tree of the same structure.
    """
    own, rebuild = split_arrays(parameters)
    of_chunk = jax.jit(lambda arrays, chunk: function(rebuild(arrays), chunk))

    def of_all(samples: Any, arrays: Arrays = own) -> np.ndarray:
        length = num_samples(samples)
        outputs = []
        for start in range(0, length, CHUNK):
            rows = np.minimum(np.arange(start, start + CHUNK), length - 1)
            chunk = np.asarray(of_chunk(arrays, take(samples, rows)))
            if chunk.ndim == 0 or len(chunk) != CHUNK:
                raise ValueError(
                    f"function must return one row a sample, got shape {chunk.shape} for a batch of {CHUNK}"
                )
            outputs.append(chunk[: length - start])
        return np.concatenate(outputs)

    return of_all


def _both_sides(function: Function, before: Any, after: Any) -> list[Callable[..., np.ndarray]]:
    """As ``compiled`` for each; compiled once where they differ in nothing but their arrays."""
    of_before, (arrays, _) = compiled(function, before), split_arrays(after)
    others = [
        [leaf for name, leaf in named_leaves(parameters)[0].items() if name not in arrays]
        for parameters in (before, after)
    ]
    if split_arrays(before)[0].keys() == arrays.keys() and all(map(operator.is_, *others)):
        return [of_before, functools.partial(of_before, arrays=arrays)]
    return [of_before, compiled(function, after)]


def _logits(of_all: Callable[..., np.ndarray], samples: Any) -> np.ndarray:
    check_pair("samples", samples)
    return of_all(samples[0])


def _losses(of_all: Callable[..., np.ndarray], samples: Any) -> np.ndarray:
    losses = _checks.real_array("losses", of_all(samples), indicator=True)
    if losses.ndim != 1:
        raise ValueError(
            f"function must return the loss of each sample, shape (batch,), got {losses.shape} for "
            f"{len(losses)} samples; for logits say returns='logits'"
        )
    return losses


def _change(before: np.ndarray, after: np.ndarray) -> Change:
    moments = Moments.of(("before", "after"), np.stack([before, after], axis=1))
    return Change(
        moments.estimate("before"), moments.estimate("after"), moments.difference("after", "before")
    )


def _cell(estimate: Estimate, sign: str = "") -> str:
    return f"{estimate.mean:{sign}.4f} ± {estimate.sem:.4f}"
