"""What the layers of any model take in: second moments of all that is multiplied with an array of weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from tqdm import tqdm

from ratedist import _checks
from ratedist.networks.curvature.tree_moments import num_samples
from ratedist.networks.pytrees import split_arrays

# Of what a primitive has of other programs within it, those that can be walked through as if written out.
WITHIN = ("jaxpr", "call_jaxpr")
LOOPS = ("scan", "while", "cond")
# What does not change which number is which weight.
SAME = ("convert_element_type", "copy", "stop_gradient", "optimization_barrier")


@dataclasses.dataclass(frozen=True, eq=False)
class LayerInputs:
    """How an array of weights is used: as a matrix W of ``x W``, for inputs x.

    Attributes:
        input_axes: axes of the array that inputs are summed over, in the order of the entries of x.
        output_axes: the other axes.
        second_moment: mean over samples of ``Σ_t x_t x_tᵀ``, float64 of shape ``(d, d)``, over all places t
            where a sample meets the weights: pixels of a convolution, tokens of a sentence.
    """

    input_axes: tuple[int, ...]
    output_axes: tuple[int, ...]
    second_moment: np.ndarray

    def matrix(self, array: np.ndarray) -> np.ndarray:
        """W of shape ``(d, o)``, made of the array."""
        axes = self.input_axes + self.output_axes
        return array.transpose(axes).reshape(len(self.second_moment), -1)

    def array(self, matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The array, of its shape, made of W."""
        axes = self.input_axes + self.output_axes
        return matrix.reshape([shape[axis] for axis in axes]).transpose(np.argsort(axes))


# Axes of the input of a product, those of its outputs, and the inputs, with d along the last axis.
_Use = tuple[tuple[int, ...], tuple[int, ...], Any]


@dataclasses.dataclass(frozen=True)
class _Weights:
    """A value of the program that is an array of weights, with its axes in another order."""

    name: str
    axes: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class _Samples:
    """A value of the program that depends on the samples."""


# What a value of the program is; ``None`` for a constant and for what is computed of weights alone.
_Mark = _Weights | _Samples | None


def layer_inputs(
    function: Callable[[Any, Any], Any],
    parameters: Any,
    samples: Any,
    *,
    chunk: int = 64,
    progress: bool = False,
) -> dict[str, LayerInputs]:
    """Second moments of what is multiplied with each array of weights, by walking through the function.

    Products of matrices and convolutions are found, in whatever library they are written. An array that is
    used in another way is left out: a bias, an embedding, a scale, weights of grouped convolutions, weights
    that are computed with before, or that a loop (``scan``, ``cond``, ``while``) takes, or that are used
    twice as different matrices. So is one used in both ways, as an embedding that is the last layer too.

    Args:
        function: ``function(parameters, samples)``, traced by JAX.
        parameters: any pytree.
        samples: pytree of arrays with samples along the first axis.
        chunk: samples at a time; changes rounding, time and memory only.
        progress: show a bar.

    Returns:
        ``LayerInputs`` by the names of arrays, as ``ratedist.tensors.leaves`` has them.

    Raises:
        ValueError: samples of different lengths, inputs of a layer that are not finite.
    """
    arrays, rebuild = split_arrays(parameters)
    length = num_samples(samples)
    size = min(_checks.integer("chunk", chunk, 1), length)
    found: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    twice: set[str] = set()
    other: set[str] = set()

    def inputs_of(arrays: Mapping[str, Any], xs: Any) -> dict[str, list[Any]]:
        uses: dict[str, list[_Use]] = {}
        flat, structure = jax.tree.flatten((arrays, xs))

        def program(*leaves: Any) -> Any:
            own, batch = jax.tree.unflatten(structure, leaves)
            return function(rebuild(own), batch)

        closed = jax.make_jaxpr(program)(*flat)
        # A dictionary is flattened in the order of its keys.
        names = [_Weights(name, tuple(range(len(arrays[name].shape)))) for name in sorted(arrays)]
        known: Sequence[_Mark] = [*names, *([_Samples()] * (len(flat) - len(names)))]
        _, kept = _walk(closed.jaxpr, closed.consts, flat, known, uses, other)
        other.update(mark.name for mark in kept if isinstance(mark, _Weights))
        for name, several in uses.items():
            found[name] = several[0][:2]
            if any(use[:2] != found[name] for use in several):
                twice.add(name)
        left_out = twice | other
        return {name: [use[2] for use in several] for name, several in uses.items() if name not in left_out}

    compiled = jax.jit(inputs_of)
    sums: dict[str, np.ndarray] = {}
    with tqdm(total=length, unit="sample", disable=not progress, leave=False) as bar:
        for start in range(0, length, size):
            rows = slice(start, min(start + size, length))
            xs = jax.tree.map(lambda leaf, rows=rows: np.asarray(leaf)[rows], samples)
            for name, several in compiled(arrays, xs).items():
                for inputs in several:
                    x = np.asarray(inputs, np.float64).reshape(-1, inputs.shape[-1])
                    sums[name] = sums.get(name, 0.0) + x.T @ x
            bar.update(rows.stop - rows.start)
    for name, total in sums.items():
        if not np.all(np.isfinite(total)):
            raise ValueError(f"what {name!r} is multiplied with must be finite, got NaN or infinite inputs")
    return {name: LayerInputs(*found[name], total / length) for name, total in sums.items()}


def _walk(
    jaxpr: Any,
    consts: Any,
    values: list[Any],
    known: Sequence[_Mark],
    uses: dict[str, list[_Use]],
    other: set[str],
) -> tuple[list[Any], Sequence[_Mark]]:
    """Evaluate a program, follow arrays of weights through it, and note what they are multiplied with.

    Names of those that are used in another way are put into ``other``.
    """
    value: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    value |= dict(zip(jaxpr.invars, values, strict=True))
    mark_of = {var: one for var, one in zip(jaxpr.invars, known, strict=True) if one is not None}

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, core.Literal) else value[atom]

    def told(atom: Any) -> _Mark:
        return None if isinstance(atom, core.Literal) else mark_of.get(atom)

    for equation in jaxpr.eqns:
        operands = [read(atom) for atom in equation.invars]
        marks: list[_Mark] = [told(atom) for atom in equation.invars]
        name, params = equation.primitive.name, equation.params
        inner = next((params[key] for key in WITHIN if key in params), None)
        used = [mark for mark in marks if isinstance(mark, _Weights)]
        depends: _Mark = _Samples() if _Samples() in marks else None
        kept: Sequence[_Mark] = [depends] * len(equation.outvars)
        if inner is not None and name not in LOOPS and used:
            inside, own = (inner.jaxpr, inner.consts) if hasattr(inner, "consts") else (inner, ())
            outputs, kept = _walk(inside, own, operands, marks, uses, other)
        else:
            # Before JAX 0.10 functions among the options came by themselves.
            bound = equation.primitive.get_bind_params(params)
            functions, options = bound if isinstance(bound, tuple) else ((), bound)
            outputs = equation.primitive.bind(*functions, *operands, **options)
            outputs = list(outputs) if equation.primitive.multiple_results else [outputs]
            if name in SAME and used:
                kept = [*marks]
            elif name == "transpose" and used:
                turned = tuple(used[0].axes[axis] for axis in params["permutation"])
                kept = [_Weights(used[0].name, turned)]
            elif used and not _noted(name, operands, marks, params, uses):
                other.update(mark.name for mark in used)
        value |= dict(zip(equation.outvars, outputs, strict=True))
        mark_of |= {var: one for var, one in zip(equation.outvars, kept, strict=True) if one is not None}
    return [read(atom) for atom in jaxpr.outvars], [told(atom) for atom in jaxpr.outvars]


def _noted(
    name: str, operands: list[Any], marks: Sequence[_Mark], params: Any, uses: dict[str, list[_Use]]
) -> bool:
    """Whether an equation multiplies weights with what depends on the samples; it is noted then."""
    first, second = marks[:2] if len(marks) > 1 else (None, None)
    if name == "dot_general" and not params["dimension_numbers"][1][0]:
        if isinstance(first, _Weights) and isinstance(second, _Samples):
            _note_product(first, 0, operands[1], params, uses)
            return True
        if isinstance(second, _Weights) and isinstance(first, _Samples):
            _note_product(second, 1, operands[0], params, uses)
            return True
    ungrouped = params.get("feature_group_count") == params.get("batch_group_count") == 1
    if (
        name == "conv_general_dilated"
        and isinstance(second, _Weights)
        and isinstance(first, _Samples)
        and ungrouped
    ):
        _note_convolution(operands, second, params, uses)
        return True
    return False


def _note_product(mark: _Weights, side: int, inputs: Any, params: Any, uses: dict[str, list[_Use]]) -> None:
    """A product of weights, on one side, and inputs, on the other; no batch of matrices."""
    contracted = params["dimension_numbers"][0]
    own, theirs = contracted[side], contracted[1 - side]
    rows = tuple(mark.axes[axis] for axis in own)
    columns = tuple(mark.axes[axis] for axis in range(len(mark.axes)) if axis not in own)
    d = int(np.prod([inputs.shape[axis] for axis in theirs], dtype=int))
    last = jnp.moveaxis(inputs, theirs, range(inputs.ndim - len(theirs), inputs.ndim))
    uses.setdefault(mark.name, []).append((rows, columns, last.reshape(-1, d)))


def _note_convolution(operands: list[Any], mark: _Weights, params: Any, uses: dict[str, list[_Use]]) -> None:
    """A convolution as a product: the inputs are the patches that each output pixel sees."""
    numbers = params["dimension_numbers"]
    outputs, *inputs = numbers.rhs_spec
    patches = jax.lax.conv_general_dilated_patches(
        operands[0],
        [operands[1].shape[axis] for axis in inputs[1:]],
        params["window_strides"],
        params["padding"],
        params["lhs_dilation"],
        params["rhs_dilation"],
        numbers,
    )
    rows = tuple(mark.axes[axis] for axis in inputs)
    last = jnp.moveaxis(patches, numbers.out_spec[1], -1)
    uses.setdefault(mark.name, []).append((rows, (mark.axes[outputs],), last.reshape(-1, last.shape[-1])))
