"""Where legends and labels stand, so that they lie on nothing that is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.path import Path
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox, ScaledTranslation

from ratedist.plotting.style import NO_LAYOUT

# Side of a square of the raster of what is taken, and free space around a label: pixels at 100 an inch.
CELL = 3.0
MARGIN = 5.0
# A label nearer than this needs no line to its point.
NEAR = 12.0
# How much taller a panel's range gets where a label has no room, at most so many times.
HEADROOM = 0.2
ATTEMPTS = 4
# What is written beside the panel, and what lies behind everything: neither is in the way of a label.
LEVEL, GROUND = "level", "ground"
# Inches from the lower edge of a panel, past the label of its axis, to a legend under it.
BELOW = 0.72


def settle(figure: Figure) -> None:
    """Solve the layout once and for good: a file of any kind has the same one, within the style or not.

    Names of levels that would overprint each other are moved apart, those of levels outside a panel hidden.
    """
    names: dict[Axes, list[Annotation]] = {}
    for axes in figure.axes:
        # From these sizes Matplotlib knows how many ticks have room; else it asks its settings when it draws.
        axes.tick_params(axis="x", labelsize=plt.rcParams["xtick.labelsize"])
        axes.tick_params(axis="y", labelsize=plt.rcParams["ytick.labelsize"])
        low, high = axes.get_ylim()
        levels = [text for text in axes.texts if isinstance(text, Annotation) and text.get_gid() == LEVEL]
        for text in levels:
            text.set_visible(low <= text.xy[1] <= high)
        names[axes] = [text for text in levels if text.get_visible()]
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    # With a layout engine of any kind every file would be drawn twice, the first time for nothing.
    with plt.rc_context(NO_LAYOUT):
        figure.set_layout_engine(None)
    for levels in names.values():
        _spread(levels)


def level(axes: Axes, value: float, label: str = "", linestyle: Any = "--", color: str = "black") -> None:
    """A line across the panel, its name at the right of it, outside; none if the line is not in the panel."""
    axes.axhline(value, color=color, linestyle=linestyle, linewidth=1.3)
    if label:
        axes.annotate(
            label, (1, value), xycoords=axes.get_yaxis_transform(), xytext=(6, 0), textcoords="offset points",
            va="center", ha="left", color=color, gid=LEVEL, annotation_clip=False,
        )  # fmt: skip


def legend_below(axes: Axes, columns: int = 1) -> Legend:
    """A legend under the panel and the label of its axis; the layout makes room for it."""
    figure: Any = axes.figure
    below = axes.transAxes + ScaledTranslation(0, -BELOW, figure.dpi_scale_trans)
    return axes.legend(
        loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=below, borderaxespad=0, ncols=columns
    )


def figure_legend(figure: Figure, panels: Iterable[Axes]) -> None:
    """One legend below all panels, of every label once, in as many columns as the page has room for."""
    entries: dict[str, Any] = {}
    for axes in panels:
        entries |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    for columns in range(len(entries), 0, -1):
        legend = figure.legend(
            entries.values(), entries.keys(), loc="outside lower center", ncols=columns, columnspacing=1.6
        )
        if columns == 1 or legend.get_window_extent().width < 0.98 * figure.bbox.width:
            return
        legend.remove()


def side_legend(
    figure: Figure, side: Literal["left", "right"], title: str, entries: Mapping[str, Any], columns: int
) -> None:
    """A legend of some of the panels, below all of them at one side, with what it is about as its title."""
    place: Any = f"outside lower {side}"
    figure.legend(entries.values(), entries.keys(), title=title, loc=place, ncols=columns, alignment="left")


def label_points(axes: Axes, labels: Iterable[tuple[str, tuple[float, float], str]]) -> None:
    """Labels of points and curves: each as near as it can stand without lying on anything.

    The layout has to be settled before. Where a panel has no room its range becomes taller. Points outside
    the panel get no label.

    Args:
        axes: the panel.
        labels: of each the text, the point it belongs to, in data coordinates, and the colour.
    """
    labels = [one for one in labels if axes.bbox.contains(*axes.transData.transform(one[1]))]
    limits = axes.get_ylim()
    for _ in range(ATTEMPTS):
        texts = [_label(axes, *label) for label in labels]
        if all(texts):
            return
        for text in texts:
            if text:
                text.remove()
        _taller(axes)
    # There is no room however tall it is: what lies under such a label is covered.
    axes.set_ylim(limits)
    for label in labels:
        if not _label(axes, *label):
            axes.text(0.02, 0.9, label[0], color=label[2], backgroundcolor="white", transform=axes.transAxes)


def _label(axes: Axes, text: str, point: tuple[float, float], color: str) -> Annotation | None:
    """A label in the free place nearest to a point, with a line if that is not beside it; or nothing."""
    # Not at data coordinates: 0 is far off on a logarithmic axis, and the size would be lost to rounding.
    alone = axes.text(0, 0, text, transform=axes.transAxes)
    size = alone.get_window_extent()
    alone.remove()
    anchor = axes.transData.transform(point)
    found = _free(axes, size, anchor)
    if not found:
        return None
    share, corner, distance = found
    line: dict[str, Any] = {"arrowprops": None}
    if distance > NEAR:
        side = np.clip((anchor - corner) / (size.width, size.height), 0, 1)
        line["arrowprops"] = {
            "arrowstyle": "-", "color": "#777777", "shrinkA": 1, "shrinkB": 5, "linewidth": 0.9,
            "relpos": tuple(side.tolist()),
        }  # fmt: skip
    return axes.annotate(
        text, point, xytext=share, textcoords="axes fraction", va="bottom", ha="left", color=color, **line
    )


def legend_inside(axes: Axes) -> Legend:
    """A legend in the panel, as near to its upper right corner as it stands free. The layout is settled."""
    legend = axes.legend(loc="lower left", borderaxespad=0)
    for _ in range(ATTEMPTS):
        legend.set_visible(False)
        found = _free(axes, legend.get_window_extent(), axes.bbox.max)
        legend.set_visible(True)
        if found:
            legend.set_bbox_to_anchor(found[0], transform=axes.transAxes)
            break
        _taller(axes)
    return legend


def _free(axes: Axes, size: Bbox, anchor: Any) -> tuple[tuple[float, float], np.ndarray, float] | None:
    """The lower left corner of the free box nearest to a point: in shares of the panel, and in pixels.

    Then how near it is.
    """
    frame = axes.bbox
    cells = np.asarray([frame.width // CELL, frame.height // CELL], dtype=int)
    taken = np.zeros(cells + 1)
    drawn = np.floor((_drawn(axes) - frame.min) / CELL).astype(int)
    drawn = drawn[((drawn >= 0) & (drawn < cells)).all(axis=1)]
    np.add.at(taken, tuple((drawn + 1).T), 1)
    taken = taken.cumsum(axis=0).cumsum(axis=1)
    w, h = (int(np.ceil((side + 2 * MARGIN) / CELL)) for side in (size.width, size.height))
    if not (cells > (w, h)).all():
        return None
    inside = taken[w:, h:] - taken[:-w, h:] - taken[w:, :-h] + taken[:-w, :-h]
    corners = np.argwhere(inside == 0) * CELL + frame.min + MARGIN
    if not len(corners):
        return None
    nearest = np.clip(anchor, corners, corners + np.asarray([size.width, size.height]))
    distances = np.linalg.norm(nearest - anchor, axis=1)
    best = int(distances.argmin())
    x, y = (corners[best] - frame.min) / (frame.width, frame.height)
    return (float(x), float(y)), corners[best], float(distances[best])


def _taller(axes: Axes) -> None:
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(np.asarray(axes.get_ylim(), dtype=float))
    axes.set_ylim(top=float(scale.inverted().transform(np.asarray([high + HEADROOM * (high - low)]))[0]))


def _drawn(axes: Axes) -> np.ndarray:
    """Pixels that curves, markers, bars and texts of a panel go through, close to each other."""
    pieces = [np.empty((0, 2))]
    for artist in axes.get_children():
        if not artist.get_visible() or artist is axes.patch or artist.get_gid() in (LEVEL, GROUND):
            continue
        if isinstance(artist, Line2D):
            points = artist.get_transform().transform(np.asarray(artist.get_xydata(), dtype=float))
            if artist.get_linestyle() != "None":
                pieces.append(_along(points, axes.bbox))
            if artist.get_marker() not in ("None", "", None, " "):
                figure: Any = axes.figure
                radius = float(artist.get_markersize()) / 2 * figure.dpi / 72
                pieces += [points + radius * (np.asarray(way) - 1) for way in np.ndindex(3, 3)]
        elif isinstance(artist, LineCollection):
            transform = artist.get_transform()
            # An error bar that is not known has no points.
            segments = [segment for segment in artist.get_segments() if len(segment)]
            pieces += [_along(transform.transform(segment), axes.bbox) for segment in segments]
        elif isinstance(artist, Rectangle | Legend):
            pieces.append(_filled(artist.get_window_extent()))
        elif isinstance(artist, Annotation):
            artist.get_window_extent()  # moves it to where it will stand; its line may be crossed
            pieces.append(_filled(Text.get_window_extent(artist)))
        elif isinstance(artist, Text) and artist.get_text() and artist in axes.texts:
            pieces.append(_filled(artist.get_window_extent()))
    points = np.concatenate(pieces)
    return points[np.isfinite(points).all(axis=1)]


def _along(points: np.ndarray, frame: Bbox) -> np.ndarray:
    """Points on the part of a polygon that is in the frame, closer to each other than a cell."""
    path = Path(points).cleaned(remove_nans=True, clip=frame.extents)
    vertices, codes = np.asarray(path.vertices), np.asarray(path.codes)
    pieces = [np.empty((0, 2))]
    for here, there, code in zip(vertices, vertices[1:], codes[1:], strict=False):
        if code == Path.LINETO:
            pieces.append(np.linspace(here, there, int(np.abs(there - here).max() / CELL) + 2))
    return np.concatenate(pieces)


def _filled(box: Bbox) -> np.ndarray:
    if not np.isfinite(box.extents).all():  # a bar of no height
        return np.empty((0, 2))
    x, y = np.arange(box.x0, box.x1, CELL), np.arange(box.y0, box.y1, CELL)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _spread(labels: list[Any]) -> None:
    """Move names of levels up and down until no two overprint."""
    labels = sorted(labels, key=lambda label: label.get_window_extent().y0)
    boxes = [label.get_window_extent() for label in labels]
    heights, centers = [box.height + 2 for box in boxes], [(box.y0 + box.y1) / 2 for box in boxes]
    placed = list(centers)
    for _ in range(50):
        for i in range(len(placed) - 1):
            short = (heights[i] + heights[i + 1]) / 2 - (placed[i + 1] - placed[i])
            if short > 0:
                placed[i], placed[i + 1] = placed[i] - short / 2, placed[i + 1] + short / 2
    for label, old, new in zip(labels, centers, placed, strict=True):
        label.set_position((6, (new - old) * 72 / label.figure.dpi))
