"""The whole site: built strictly by its one command, with notebooks that run, and whole."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.public import public_objects
from tests.site.built import Page, faults
from tests.site.sources import ROOT


@pytest.fixture(scope="module")
def site() -> pathlib.Path:
    """Built once, from the beginning; but what notebooks gave on this state of the package is kept."""
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "sphinx", "-M", "html", "docs", "build", "-E", "-W", "--keep-going"]
    trials = {"RATEDIST_TRIALS": os.environ.get("RATEDIST_TRIALS", "256")}
    # No network: a request would find a proxy that is not there.
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    environment = {**os.environ, **trials, **nowhere, "no_proxy": "127.0.0.1,localhost"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    return ROOT / "build" / "html"


pytestmark = pytest.mark.slow


def test_every_link_leads_to_a_place_and_nothing_is_got_from_elsewhere(site: pathlib.Path) -> None:
    assert list(faults(site)) == []


def test_every_public_name_has_a_place_in_the_api(site: pathlib.Path) -> None:
    places = set[str]().union(*(Page(path).places for path in (site / "api" / "reference").glob("*.html")))
    assert {name.replace("rd.", "ratedist.", 1) for name in public_objects()} <= places


def test_notebooks_have_their_pictures(site: pathlib.Path) -> None:
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    pages = [(site / "course" / f"{path.stem}.html").read_text() for path in notebooks]
    for path, text in zip(notebooks, pages, strict=True):
        assert "_images/" in text, f"{path.name} shows no picture"
        assert "Traceback" not in text


def test_styles_and_scripts_ask_nobody(site: pathlib.Path) -> None:
    for path in [*site.rglob("*.css"), *(site / "_static").glob("*.js")]:
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", path.read_text()), path.name


def test_faults_are_seen(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.html").write_text(
        "<img src='https://a.b/c.png'><a href='b.html'></a><a href='#x'></a><p id=y><a href='#y'></a>"
        "<a href='https://a.b'></a>"
    )
    found = sorted(faults(tmp_path))
    assert [one.split()[1] for one in found] == ["gets", "leads", "leads"]
