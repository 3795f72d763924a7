"""What the site is made of: links lead somewhere, and pages that nobody writes have all that they should."""

import csv
import dataclasses
import json
import pathlib
import re

import pytest

import ratedist as rd
from ratedist.claims import CLAIMS
from ratedist.cli.commands import COMMANDS
from ratedist.explorer.server import FOLDER
from tests.public import DOORS, ROOMS, public_objects
from tests.site.sources import DOCS, ROOT, pages

LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#[^)\s]+)?\)")
CODE = re.compile(r"^([ \t]*)```.*?^\1```|`[^`\n]+`|<!--.*?-->", flags=re.DOTALL | re.MULTILINE)


def text_of(page: pathlib.Path) -> str:
    content = page.read_text()
    if page.suffix == ".ipynb":
        cells = json.loads(content)["cells"]
        content = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return content


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_what_is_there(page: pathlib.Path) -> None:
    for path in LINK.findall(CODE.sub("", text_of(page))):
        assert not path or (page.parent / path).exists(), path


def test_the_api_has_every_public_name_once() -> None:
    from _pages import api

    listed = [name for family in api.families() for name in family.all_names()]
    assert len(set(listed)) == len(listed)
    public = {name.replace("rd.", "ratedist.", 1) for name in public_objects()}
    constants = {"ratedist.claims.CLAIMS", "ratedist.theory.BITS_BACK_REFUND", "ratedist.units.NATS_PER_BIT"}
    assert set(listed) == public | constants
    # The lists that lazy_loader reads have no name that is on no page.
    for door, room in DOORS.items():
        for name in getattr(room, "__all__", ()):
            places = {f"{door}.{name}".replace("rd", "ratedist", 1), f"ratedist.{name}"}
            assert name in ROOMS or places & set(listed), name


def test_theory_is_grouped_as_its_help_is() -> None:
    from _pages import api

    titles = [family.title for family in api.families() if family.file.startswith("theory-")]
    families = str(rd.theory.__doc__).split("by its family:\n")[1]
    expected = re.findall(r"^\S.*$", families, flags=re.MULTILINE)
    assert [title.lower() for title in titles] == [f"theory: {title.lower()}" for title in expected]
    assert set(api.ROOMS) == set(ROOMS)


def test_the_front_page_says_what_the_readme_says() -> None:
    readme, front = (ROOT / "README.md").read_text(), (DOCS / "index.md").read_text()
    for kind in ("python", "sh"):
        blocks = re.findall(rf"```{kind}\n(.*?)```", readme, flags=re.DOTALL)[: {"python": 1, "sh": 2}[kind]]
        assert blocks
        for block in blocks:
            assert block in front
    assert "**A model is fitted to data" in readme
    assert readme.split("**")[1] in front.replace("\n", " ")


def test_the_page_of_the_explorer_has_its_pages() -> None:
    text = (DOCS / "explorer.md").read_text()
    rows = re.findall(r"<a href=\"explorer/index.html#(\w+)\" .*?>(.*?)</a> \| (.*?) \|", text)
    scripts = [path.read_text() for path in FOLDER.glob("*_page.js")]
    parts = (re.search(r"id: '(\w+)', title: '(.*?)', question: '(.*?)'", script) for script in scripts)
    assert sorted(rows) == sorted(found.groups() for found in parts if found)
    assert len(rows) == len(scripts)


def test_every_page_of_docs_has_a_place_in_the_navigation() -> None:
    listed: set[pathlib.Path] = {DOCS / "index.md"}
    for page in DOCS.rglob("*.md"):
        for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), flags=re.DOTALL):
            for line in block.splitlines():
                entry = re.sub(r".*<(.*)>", r"\1", line.strip())
                if entry and not entry.startswith(":"):
                    listed |= set(page.parent.glob(f"{entry}.md"))
    assert {page for page in DOCS.rglob("*.md") if page.parent.name != "repository"} <= listed


@pytest.mark.parametrize(
    ("page", "link", "on_the_site"),
    [
        ("docs/networks.md", "../notebooks/0_start.ipynb", "course/0_start.ipynb"),
        ("docs/theory/oracle.md", "../../README.md#set-up", "../index.md#set-up"),
        ("docs/bounds.md", "derivations.md", "derivations.md"),
        ("docs/bounds.md", "../figures/README.md", "repository/figures.md"),
        ("docs/bounds.md", "https://doi.org/10.3390/e23101255", "https://doi.org/10.3390/e23101255"),
    ],
)
def test_links_are_rewritten(page: str, link: str, on_the_site: str) -> None:
    from _pages import links

    place = ROOT / page
    assert links.on_site(f"see [it]({link}).", place, place) == f"see [it]({on_the_site})."


def test_links_of_what_is_copied_are_rewritten() -> None:
    from _pages import links

    text = "[a](../docs/bounds.md#x) [b](5_rank.ipynb) ![c](../figures/figure2.png)"
    found = links.on_site(text, ROOT / "notebooks" / "0_start.ipynb", DOCS / "course" / "0_start.ipynb")
    assert found == "[a](../bounds.md#x) [b](5_rank.ipynb) ![c](../../figures/figure2.png)"


def test_docstrings_become_markup_that_says_the_same() -> None:
    from _pages import docstrings

    lines = ["With w* and |W| of ``w* | x``:", "", "    R = |x|", "", "Args:", "    x: a*b.", "", "End_."]
    docstrings.plain_text_as_markup(None, "", "", None, None, lines)
    expected = [r"With w\* and \|W\| of ``w* | x``:", "", "::", "", "    R = |x|", "", "Args:"]
    assert lines == [*expected, r"    x: a\*b.", "", r"End\_."]


class TestPagesThatNobodyWrites:
    """They need the site's extra ``docs``."""

    @pytest.fixture(autouse=True)
    def needs_sphinx(self) -> None:
        pytest.importorskip("sphinx")

    @pytest.mark.parametrize("name", COMMANDS)
    def test_a_command_has_all_its_options_on_the_page(self, name: str) -> None:
        from _pages import commands

        text = commands.help_of(name)
        shown = " ".join(flags for _, options in commands.groups(text) for flags, _ in options)
        options = text.split("How long it takes")[0]
        flags = set(re.findall(r"^ +(?:-\w(?: \S+)?, )?(--[a-z][\w-]*)", options, flags=re.MULTILINE))
        assert flags - {"--help"} == set(re.findall(r"--[a-z][\w-]*", shown))
        assert all(says for _, options in commands.groups(text) for _, says in options)

    def test_the_table_of_verdicts_is_about_the_claims(self) -> None:
        from _pages import verdicts

        rows = {row["id"]: row for row in csv.DictReader(verdicts.VERDICTS.read_text().splitlines())}
        assert verdicts.out_of_date(rows, CLAIMS) == []
        other = (dataclasses.replace(CLAIMS[0], statement="Bits are free."), *CLAIMS[2:])
        assert len(verdicts.out_of_date(rows, other)) == 2

    def test_the_citation_has_what_the_file_has(self) -> None:
        import yaml
        from _pages import citation

        entry = yaml.safe_load((ROOT / "CITATION.cff").read_text())["preferred-citation"]
        text = citation.bibtex(entry)
        assert text.startswith("@article{bu2021,")
        assert "author = {Bu, Yuheng and Gao, Weihao and Zou, Shaofeng and Veeravalli, Venugopal V.}" in text
        assert f"doi = {{{entry['doi']}}}" in text
        assert "10.3390/e23101255" in citation.sentence(entry).astext()
