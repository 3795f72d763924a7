"""The layers of a .rdz file beside their limits, as a table."""

from __future__ import annotations

from ratedist.tensors.audit import FileAudit, LayerAudit

COLUMNS = ("layer", "weights", "bits", "entropy", "error", "Gaussian", "limit", "gap")
ALONE = (
    "Without the weights before quantisation nothing is known of their law, and so no limit: give --weights. "
    "Gaussian: bits that Gaussian weights of the same mean square would need, the most of all laws."
)
KNOWN = "limit: R(D) of the layer's own weights at its error; the gap is what the file takes above it"


def in_table(audit: FileAudit) -> str:
    """A line a layer, the sum, and what the columns are."""
    lines = [list(COLUMNS), *(_cells(one) for one in audit.layers)]
    gap = None if audit.limit is None else audit.bits - audit.limit
    lines.append(
        ["in all", f"{audit.num_weights:,}", f"{audit.bits:.4f}", "", "", "", _bits(audit.limit), _bits(gap)]
    )
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    table = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join(
        [
            *table,
            "bits, entropy, Gaussian, limit and gap are bits a weight, codebooks and counts included in bits",
            ALONE if audit.limit is None else KNOWN,
            f"the whole file: {audit.file_bits:.4f} bits for each of these weights",
        ]
    )


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
