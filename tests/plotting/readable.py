"""What makes a picture readable from the last row: large text, short legends, nothing on the data.

Everything is asked of the renderer: where texts and legends stand, and where points and lines do.
"""

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.path import Path
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from ratedist.plotting.layout import GROUND

LEAST_POINTS = 12
MOST_ENTRIES = 5
PAGE = 13.0  # inches that are as wide as a slide
FAR_IN_GREY = 0.2  # of black to white
NOTHING = ("None", "", " ", None)


def faults(figure: Figure) -> list[str]:
    """What is wrong with a drawn figure, a sentence each."""
    figure.draw_without_rendering()
    legends = figure.findobj(Legend)
    found = [*_small_text(figure), *_off_the_page(figure)]
    if figure.get_figwidth() > PAGE:
        found.append(f"wider than a slide: {figure.get_figwidth()} inches")
    for legend in legends:
        labels = [text.get_text() for text in legend.get_texts()]
        if len(labels) > MOST_ENTRIES:
            found.append(f"a legend of {len(labels)} entries: {labels}")
    found += [fault for axes in figure.axes for fault in _alike(axes)]
    boxes = [("the legend", legend.get_window_extent()) for legend in legends]
    texts = [text for axes in figure.axes for text in axes.texts if _is_drawn(text)]
    boxes += [(repr(text.get_text()), text_box(text)) for text in texts]
    for (one, box), (other, beside) in itertools.combinations(boxes, 2):
        if box.overlaps(beside):
            found.append(f"{one} lies on {other}")
    for name, box in boxes:
        found += [f"{name} lies on {what}" for what in _under(figure, box)]
    return found


def text_box(text: Text) -> Bbox:
    """Where a text stands, without the line that leads to its point."""
    text.get_window_extent()
    return Text.get_window_extent(text) if isinstance(text, Annotation) else text.get_window_extent()


def _is_drawn(text: Text) -> bool:
    """A label of a point outside its panel is not."""
    return text.get_visible() and bool(np.isfinite(text.get_window_extent().y0))


def _small_text(figure: Figure) -> list[str]:
    found = []
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip():
            if text.get_fontsize() < LEAST_POINTS:
                found.append(f"{text.get_fontsize():g} points: {text.get_text()!r}")
            if "$" in text.get_text() and "^" in text.get_text() and text.get_parse_math():
                found.append(f"an exponent in small letters: {text.get_text()!r}")
    return found


def _off_the_page(figure: Figure) -> list[str]:
    page = figure.bbox.padded(1)
    texts = [*figure.texts, *(text for axes in figure.axes for text in axes.texts if _is_drawn(text))]
    texts += [axis.label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    boxes = [(text.get_text(), text_box(text)) for text in texts if text.get_text()]
    boxes += [("a legend", legend.get_window_extent()) for legend in figure.findobj(Legend)]
    return [
        f"off the page: {name!r}"
        for name, box in boxes
        if box.x0 < page.x0 or box.y0 < page.y0 or box.x1 > page.x1 or box.y1 > page.y1
    ]


def _alike(axes: Axes) -> list[str]:
    """Pairs of named curves that a print without colours does not tell apart."""
    looks = {}
    for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
        line = handle.lines[0] if isinstance(handle, ErrorbarContainer) else handle
        if isinstance(line, Line2D):
            dashes = str(line._unscaled_dash_pattern) if line.get_linestyle() not in NOTHING else ""  # pyright: ignore
            grey = float(np.dot(to_rgb(line.get_color()), (0.299, 0.587, 0.114)))
            looks[label] = (str(line.get_marker()), dashes, grey)
    return [
        f"{one!r} and {other!r} differ by colour alone"
        for (one, first), (other, second) in itertools.combinations(looks.items(), 2)
        if first[:2] == second[:2] and abs(first[2] - second[2]) < FAR_IN_GREY
    ]


def _under(figure: Figure, box: Bbox) -> list[str]:
    """The data of any panel that a box covers."""
    found = []
    for axes in figure.axes:
        seen = Bbox.intersection(box, axes.bbox)
        if seen is None or min(seen.width, seen.height) <= 1:
            continue
        for artist in axes.get_children():
            if not artist.get_visible() or artist is axes.patch or artist.get_gid() == GROUND:
                continue
            if isinstance(artist, Line2D) and _line_in(artist, seen, float(figure.dpi)):
                found.append(f"{artist.get_label()!r} of {axes.get_title(loc='left')!r}")
            elif isinstance(artist, LineCollection):
                transform = artist.get_transform()
                if any(_segments_in(transform.transform(points), seen) for points in artist.get_segments()):
                    found.append("an error bar")
            elif isinstance(artist, Rectangle) and artist.get_window_extent().overlaps(seen):
                found.append("a bar")
    return found


def _line_in(line: Line2D, box: Bbox, dpi: float) -> bool:
    points = line.get_transform().transform(np.asarray(line.get_xydata(), dtype=float))
    points = points[np.isfinite(points).all(axis=1)]
    if line.get_linestyle() not in NOTHING and _segments_in(points, box):
        return True
    if line.get_marker() in NOTHING:
        return False
    reach = box.padded(float(line.get_markersize()) / 2 * dpi / 72 * 0.8)
    return bool(np.any([reach.contains(*point) for point in points]))


def _segments_in(points: np.ndarray, box: Bbox) -> bool:
    return any(
        Path([here, there]).intersects_bbox(box, filled=False)
        for here, there in itertools.pairwise(points)
        if np.isfinite([here, there]).all()
    )
