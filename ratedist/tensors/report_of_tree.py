"""What became of each array of a tree, and of the file that it would be."""

from __future__ import annotations

from typing import Any

from ratedist.container import rdz_size
from ratedist.tensors.report import Outcome, QuantizationReport
from ratedist.tensors.tree import QuantizedTree
from ratedist.tensors.tree_file import check_storable, leaves_as_metadata, raw_entries


def tree_report(tree: QuantizedTree[Any], coder: str | None = None) -> QuantizationReport:
    """Bits, limit and errors of each array of a quantised tree, and the size of its file, as a table.

    Args:
        tree: of ``rd.quantize_tree``.
        coder: "huffman" or "ans"; ``None`` for that of the tree.

    Returns:
        What ``ratedist quantize`` prints. ``totals`` has the bytes of the file, and the limit of all weights.

    Raises:
        ValueError: arrays of other dtypes than the format knows.

    Cost: that of coding the labels; nothing is written.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> kernel = np.random.default_rng(0).normal(size=(256, 64)).astype(np.float32)
        >>> totals = rd.tensors.tree_report(rd.quantize_tree({"kernel": kernel}, 4)).totals
        >>> round(totals.bits, 2), round(totals.limit, 2)
        (2.11, 1.54)
    """
    check_storable(tree.others)
    raw = raw_entries(tree.others)
    coded = {name: one.stored(coder or tree.coder).entry for name, one in tree.quantized.items()}
    outcomes = tuple(
        Outcome.of(name, tree.quantized[name], coded[name])
        if name in coded
        else Outcome(name, raw[name].dtype, raw[name].shape, "not quantised")
        for name in tree.names
        if name in coded or name in raw
    )
    return QuantizationReport(outcomes, rdz_size(raw | coded, leaves_as_metadata(tree.others)))
