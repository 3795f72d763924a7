"""The explorer's pages without a document: words, numbers and pictures at random settings, and their size."""

import json
import pathlib
import re

import pytest

from ratedist.explorer.server import FOLDER
from tests.explorer.scripts import in_node, needs_node

MOST_BYTES = 300_000
LONGEST_SENTENCE = 25


def test_everything_is_small_and_from_here() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    linked = set(re.findall(r'(?:src|href)="([^"#]+)"', (FOLDER / "index.html").read_text()))
    assert linked - {"data:,"} == {path.name for path in files} - {"index.html"}
    for path in files:
        addresses = set(re.findall(r"https?://[\w./]+", path.read_text())) - {"http://www.w3.org/2000/svg"}
        assert not addresses, f"{path.name} needs a network: {addresses}"


# The inside of a function of {seed, count, longest}, which returns what was wrong, by address.
RANDOM_SETTINGS = (pathlib.Path(__file__).parent / "random_settings.js").read_text()


@needs_node
@pytest.mark.parametrize("count", [3, pytest.param(40, marks=pytest.mark.slow)])
def test_random_settings_have_words_numbers_and_a_picture(count: int) -> None:
    assert in_node(RANDOM_SETTINGS, {"seed": 1, "count": count, "longest": LONGEST_SENTENCE}) == []


@needs_node
def test_addresses_that_nobody_wrote_are_the_start() -> None:
    hashes = [
        "",
        "#",
        "#nothing",
        "#clusters?n=nan&seed=-1&truth=x",
        "#clusters?n=1e999&seed=1.5",
        "#clusters?n=79",
    ]
    body = "return given.map(Explorer.state.read).map(({ page, state }) => [page.id, state])"
    found = in_node(body, hashes)
    assert [page for page, _ in found] == ["coin", "coin", "coin", *["clusters"] * 3]
    start = {"clusters": 2, "separation": 2, "n": 80, "truth": "levels", "seed": 1}
    assert [state for page, state in found if page == "clusters"] == [start] * 3


@needs_node
def test_pages_are_whole_and_in_short_sentences() -> None:
    pages = json.loads(in_node("return JSON.stringify(Explorer.pages)"))
    for page in pages:
        assert 1 <= len(page["sliders"]) <= 3
        assert page["question"].endswith("?")
        assert 0 <= page["poll"]["answer"] < len(page["poll"]["options"])
        for slider in page["sliders"]:
            assert slider["start"] in slider["values"]
            assert slider["values"] == sorted(set(slider["values"]))
        texts = [
            page["question"],
            page["poll"]["ask"],
            page["poll"]["because"],
            *page["why"],
            *page["exercise"].values(),
        ]
        for sentence in re.split(r"(?<=[.?!:;]) ", " ".join(texts)):
            assert len(sentence.split()) <= LONGEST_SENTENCE, sentence


@needs_node
def test_numbers_as_readers_have_them() -> None:
    numbers = [(-0.001, 2), (-1.5, 1), (2.724, 3)]
    found = in_node("return given.map((number) => Explorer.chart.format(...number))", numbers)
    assert found == ["0.00", "−1.5", "2.724"]
