"""The pictures that are kept are those of the tables beside them, and one script draws them all."""

import importlib.util
import io
import pathlib
from collections.abc import Iterator
from types import ModuleType

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from ratedist.plotting.style import figure_bytes, house_style

FIGURES = pathlib.Path(__file__).parent.parent.parent / "figures"
# Levels of 255, in the mean: other versions of Matplotlib smooth letters otherwise.
NEAR = 1.5
LARGEST = 250_000  # bytes


@pytest.fixture(scope="module")
def redraw() -> ModuleType:
    spec = importlib.util.spec_from_file_location("redraw", FIGURES / "redraw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _figures_are_closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def picture(redraw: ModuleType) -> dict[str, bytes]:
    """One picture as both kinds of files."""
    return files(redraw)


def files(redraw: ModuleType) -> dict[str, bytes]:
    """On a small page, where everything on it is as large as ever: the fewer pixels the sooner."""
    figure = redraw.PICTURES["two-clusters"]("two-clusters")
    figure.set_size_inches(4.0, 2.5)
    return {kind: figure_bytes(figure, kind) for kind in ("png", "pdf")}


def kept() -> list[str]:
    return sorted(str(path.relative_to(FIGURES).with_suffix("")) for path in FIGURES.rglob("*.png"))


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=float)


def test_the_script_draws_every_picture_and_no_picture_is_large(redraw: ModuleType) -> None:
    assert sorted(redraw.PICTURES) == kept()
    for name in kept():
        assert (FIGURES / f"{name}.png").stat().st_size < LARGEST
        assert (FIGURES / f"{name}.pdf").exists()


@pytest.mark.parametrize("size", [(4.0, 3.0), (3.137, 2.719), (1.0, 9.99)])
def test_a_picture_is_what_matplotlib_saves(size: tuple[float, float]) -> None:
    """Size and pixels, of few enough colours for the palette to have all."""
    figure = plt.figure(figsize=size)
    figure.add_artist(Rectangle((0.25, 0.25), 0.5, 0.5, color="tab:blue", antialiased=False))
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(buffer, format="png")
    plt.close(figure)
    np.testing.assert_array_equal(pixels(figure_bytes(figure, "png")), pixels(buffer.getvalue()))


def test_colours_and_text_survive_the_palette() -> None:
    with plt.rc_context(), plt.style.context(FIGURES.parent / "ratedist" / "plotting" / "style.mplstyle"):
        figure, axes = plt.subplots(figsize=(4, 3))
        colors = plt.rcParams["axes.prop_cycle"].by_key()["color"]
        for height, color in enumerate(colors):
            axes.axhspan(height, height + 1, color=color, linewidth=0)
    drawn = Image.open(io.BytesIO(figure_bytes(figure, "png"))).convert("RGB").getcolors()
    assert drawn is not None  # no more than a palette has
    found = [color for _, color in drawn]
    for color in colors:
        wanted = [int(color.lstrip("#")[place : place + 2], 16) for place in (0, 2, 4)]
        assert min(max(abs(np.subtract(one, wanted))) for one in found) <= 1, color


@pytest.mark.slow
def test_a_picture_is_the_same_each_time_it_is_made(redraw: ModuleType, picture: dict[str, bytes]) -> None:
    assert files(redraw) == picture


def test_nothing_of_a_users_settings_is_in_a_picture(redraw: ModuleType, picture: dict[str, bytes]) -> None:
    """It is the same each time. Nor is anything of ours in them afterwards, if drawing fails too."""
    own = {
        "text.usetex": True,  # without TeX nothing could be drawn at all
        "axes.labelpad": 30,
        "axes.xmargin": 0.4,
        "font.weight": "bold",
        "lines.scale_dashes": False,
        "path.sketch": (5, 100, 2),
        "savefig.bbox": "tight",
        "savefig.transparent": True,
        "xtick.minor.visible": True,
    }
    with plt.rc_context(own):
        before = dict(plt.rcParams)
        assert files(redraw) == picture
        with pytest.raises(ZeroDivisionError), house_style():
            1 / 0  # noqa: B018
        assert dict(plt.rcParams) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", kept())
def test_a_picture_is_of_the_table_beside_it(redraw: ModuleType, name: str) -> None:
    ours, theirs = pixels((FIGURES / f"{name}.png").read_bytes()), redraw.PICTURES[name](name)
    again = pixels(figure_bytes(theirs, "png"))
    assert ours.shape == again.shape
    assert np.abs(ours - again).mean() < NEAR


@pytest.mark.slow
def test_another_table_is_another_picture(redraw: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    record = redraw.record("two-clusters")
    record["population_risk"]["erm"]["mean"] *= 1.2
    monkeypatch.setattr(redraw, "record", lambda _: record)
    again = pixels(figure_bytes(redraw.PICTURES["two-clusters"]("two-clusters"), "png"))
    ours = pixels((FIGURES / "two-clusters.png").read_bytes())
    assert np.abs(ours - again).mean() > NEAR
