"""What is wrong with a model or its importances in files, said before anything is computed."""

from __future__ import annotations

import numpy as np

from ratedist.container import TensorFile
from ratedist.container.dtypes import WEIGHT_DTYPES, from_bytes
from ratedist.container.rdz_format import DIGEST_KEY, FORMAT_KEY
from ratedist.tensors.tensor import named


def not_finite(model: TensorFile, names: list[str]) -> list[str]:
    """Names of the tensors that have NaN or infinite weights."""

    def is_finite(name: str) -> bool:
        dtype = model.entries[name].dtype
        return all(bool(np.isfinite(from_bytes(chunk, dtype)).all()) for chunk in model.chunks(name))

    return [name for name in names if not is_finite(name)]


def check_importance(model: TensorFile, chosen: list[str], importance: TensorFile) -> None:
    """Importances of all tensors to be quantised, before the first is."""
    missing = [name for name in chosen if name not in importance.entries]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(
            f"{importance.path} has no tensor {missing[0]!r}{more}, which would be quantised; exclude them "
            f"(--exclude {missing[0]!r}) to leave them as they are, as is right for buffers such as the "
            "means and variances of BatchNorm"
        )
    for name in chosen:
        shape, found = model.entries[name].shape, importance.entries[name].shape
        if found != shape:
            raise ValueError(f"importance of {name!r} must have the shape {shape} of the tensor, got {found}")
        dtype, positive = importance.entries[name].dtype, False
        for chunk in importance.chunks(name):
            h = named(name, from_bytes, chunk, dtype)
            if h.dtype.kind == "c" or not np.isfinite(h).all() or (h < 0).any():
                raise ValueError(
                    f"importance of {name!r} must be finite and at least 0 (--exclude {name!r} leaves the "
                    "tensor as it is)"
                )
            positive = positive or bool((h > 0).any())
        if not positive:
            raise ValueError(
                f"importance of {name!r} must be positive for at least one weight, got all zero "
                f"(--exclude {name!r} leaves the tensor as it is)"
            )


def nothing_to_quantize(model: TensorFile, min_size: int) -> str:
    """Why no tensor is to be quantised, and what can be done."""
    if model.metadata.keys() >= {FORMAT_KEY, DIGEST_KEY}:
        return f"{model.path} is a .rdz file, quantised already: ratedist dequantize writes the model"
    message = (
        f"{model.path} has no tensor to quantise: floating-point, like include and not exclude, with at "
        f"least {min_size} weights (min_size) and no fewer blocks than clusters"
    )
    dtypes = {entry.dtype for entry in model.entries.values()}
    narrow = sorted(dtype for dtype in dtypes.difference(WEIGHT_DTYPES) if dtype[:2] in ("F4", "F6", "F8"))
    if narrow:
        message += (
            f". Its tensors of {', '.join(narrow)} are quantised already, with scales that are often tensors "
            "of their own: multiply them out, save the model in BF16, and quantise that"
        )
    return message


def listed(names: list[str]) -> str:
    """Names in a message on their weights."""
    shown = ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"the weights of {shown} are"
