"""The exact rate-distortion curves and the bounds on them, from the table of their experiment."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ratedist.plotting.style import house_style

LOOKS = {
    "paper": {"label": "papers' upper bound (24)", "color": "#D55E00", "linestyle": ":"},
    "tight": {"label": "tight upper bound", "color": "#0072B2", "linestyle": "--"},
    "envelope": {"label": "the same, convex envelope", "color": "#56B4E9", "linestyle": "-"},
    "exact": {
        "label": "exact, certified",
        "color": "#000000",
        "linestyle": "-",
        "marker": "o",
        "markersize": 3,
    },
    "asymptote": {"label": "high-rate asymptote", "color": "#777777", "linestyle": (0, (1, 1))},
    "remark2": {"label": "Remark 2 (27): no lower bound", "color": "#CC79A7", "linestyle": "-."},
}


def draw_rate_distortion(table: pd.DataFrame, title: str = "") -> Figure:
    """For each n the curves (top), and by how much each bound exceeds the exact rate (bottom).

    Args:
        table: the frame of :func:`ratedist.experiments.rate_distortion.run`.
        title: a line above the panels.

    Returns:
        The figure; rates in bits for the whole weight vector.
    """
    sizes = sorted(table["n"].unique())
    with house_style():
        figure, panels = plt.subplots(
            2, len(sizes), figsize=(1.0 + 3.2 * len(sizes), 6.0), squeeze=False, sharex="col", sharey="row"
        )
        for n, (curves, excesses) in zip(sizes, panels.T, strict=True):
            for curve, look in LOOKS.items():
                rows = table[(table["n"] == n) & (table["curve"] == curve)]
                curves.plot(rows["rate_bits"], rows["distortion"], **look)
                excesses.plot(rows["exact_rate_bits"], rows["excess_bits"], **look)
            curves.set_yscale("log")
            excesses.set_yscale("symlog", linthresh=1.0)
            curves.set_title(f"n = {n}", loc="left")
            excesses.set_xlabel("rate of the whole weight vector [bits]")
        panels[0, 0].set_ylabel("distortion")
        panels[1, 0].set_ylabel("rate above the exact one [bits]")
        panels[0, -1].legend()
        if title:
            figure.suptitle(title, fontsize=9)
    return figure
