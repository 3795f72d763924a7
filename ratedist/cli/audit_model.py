"""The layers of a .rdz file beside their limits, as a table."""

from __future__ import annotations

from ratedist.tensors.audit import FileAudit, LayerAudit

COLUMNS = ("layer", "weights", "bits", "entropy", "error", "Gaussian", "limit", "gap")
ALONE = (
    "Where the writer of the file put no limit there, give the weights before quantisation (--weights). "
    "Gaussian: bits that Gaussian weights of the same mean square would need, the most of all laws."
)
WEIGHTED = "weighted errors are Σh(w − ŵ)²/d"


def in_table(audit: FileAudit) -> str:
    """A line a layer, the sum, and what the columns are."""
    from ratedist.tensors.report import LIMIT, WEIGHTED_LIMIT

    lines = [list(COLUMNS), *(_cells(one) for one in audit.layers)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    table = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    notes = [
        "bits, entropy, Gaussian, limit and gap are bits a weight, codebooks and counts included in bits",
        f"{LIMIT}; gap: bits less limit",
    ]
    if any(one.limit is None for one in audit.layers):
        notes.append(ALONE)
    if any(one.weighted for one in audit.layers):
        notes += [WEIGHTED, WEIGHTED_LIMIT]
    return "\n".join([*table, *notes, str(audit.totals)])


def _cells(layer: LayerAudit) -> list[str]:
    from ratedist.container.names import printable

    return [
        printable(layer.name),
        f"{layer.num_weights:,}",
        f"{layer.bits:.4f}",
        f"{layer.entropy:.4f}",
        "–" if layer.mse is None else f"{layer.mse:.4g}",
        _bits(layer.gaussian),
        _bits(layer.limit),
        _bits(layer.gap),
    ]


def _bits(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
