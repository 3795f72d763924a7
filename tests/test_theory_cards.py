"""Every numbered statement of the two papers has a card in docs/theory, and cards say what the claims say."""

import functools
import pathlib
import re

import pytest

import ratedist as rd
from ratedist.claims import CLAIMS

ROOT = pathlib.Path(__file__).parent.parent
THEORY = ROOT / "docs" / "theory"
BESIDE = ["errata.md", "glossary.md"]
FIELDS = ("Statement", "Proof", "Verdict", "Erratum", "Note", "Function", "Test")
NEEDED = {"Statement", "Proof", "Verdict", "Function", "Test"}
VERDICTS = {claim.id: claim.expected.value for claim in CLAIMS}
# What has a number in the papers, read off them.
ENTROPY = {
    *(f"({i})" for i in range(1, 40)), *(f"(A{i})" for i in range(1, 18)),
    "Definition 1", "Definition 2", "Lemma 1", "Lemma 2", "Lemma 3", "Lemma A1", "Theorem 1", "Theorem 2",
    "Proposition 1", "Proposition 2", "Corollary 1", "Remark 1", "Remark 2", "Algorithm 1",
    *(f"Figure {i}" for i in range(1, 7)),
}  # fmt: skip
AAAI = {
    *(f"({i})" for i in range(1, 32)),
    "Definition 1", "Definition 2", "Lemma 1", "Lemma 2", "Lemma 3",
    "Theorem 1", "Theorem 2", "Theorem 3", "Theorem 4", "Corollary 1", "Remark 1",
    *(f"Figure {i}" for i in range(1, 8)),
}  # fmt: skip
NUMBER = re.compile(
    r"\(A?\d+\)|(?:Definition|Lemma|Theorem|Proposition|Corollary|Remark|Algorithm|Figure) A?\d+"
)
SAID = re.compile(r"`([a-z0-9-]+)`: (holds in the limit|holds|premise not met|fails|undecided)\b")


class Card:
    """One section of a page: its title, where the papers have it, and its fields by name."""

    def __init__(self, page: str, text: str) -> None:
        self.page = page
        self.title, body = text.split("\n", 1)
        self.place = f"{page}#{slug(self.title)}"
        source, *fields = re.split(rf"\n\n\*\*({'|'.join(FIELDS)})\.\*\* ?", body.strip())
        self.source = source.strip()
        self.fields = dict(zip(fields[::2], fields[1::2], strict=True))

    def cited(self, paper: str) -> str:
        found = re.search(rf"{paper} 20\d\d: (.*?)(?=\. AAAI|\.\*$)", self.source)
        return found[1] if found else ""

    @property
    def verdicts(self) -> dict[str, str]:
        return dict(SAID.findall(self.fields["Verdict"]))


def slug(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def numbers(cited: str) -> set[str]:
    """The numbers in a citation, without those that only say before or after what a sentence stands."""
    cited = re.sub(r"(?:before|after) (?:\([^)]*\)|\w+ \w+)", "", cited)
    cited = re.sub(r"\((A?)(\d+)\)–\(A?(\d+)\)", _spread, cited)
    return set(NUMBER.findall(cited))


def _spread(ends: re.Match[str]) -> str:
    return ", ".join(f"({ends[1]}{i})" for i in range(int(ends[2]), int(ends[3]) + 1))


def cards_of(page: str, text: str) -> list[Card]:
    return [Card(page, section) for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]]


INDEX = (THEORY / "index.md").read_text()
# In the order of the first page's list.
PAGES = re.findall(r"^\d+\. \[.*?\]\((.*?)\)$", INDEX, flags=re.MULTILINE)
CARDS = [card for page in PAGES for card in cards_of(page, (THEORY / page).read_text())]


def faults(card: Card) -> list[str]:
    """What is wrong with a card, in words."""
    found = [f"no {name}" for name in NEEDED - card.fields.keys()]
    if found:
        return found
    if not re.fullmatch(r"\*(Derived here\.|(Entropy|AAAI) 20.*\.)\*", card.source):
        found.append(f"no source: {card.source}")
    for id, verdict in card.verdicts.items():
        if id not in VERDICTS:
            found.append(f"no claim has the id {id}")
        elif VERDICTS[id] != verdict:
            found.append(f"{id} {VERDICTS[id]}, and the card says that it {verdict}")
    if not card.verdicts and not card.fields["Verdict"].startswith("None:"):
        found.append("no verdict, and no reason why")
    names = re.findall(r"`rd\.([\w.]+)`", card.fields["Function"])
    for name in names:
        try:
            functools.reduce(getattr, name.split("."), rd)
        except AttributeError:
            found.append(f"there is no rd.{name}")
    if not names and not card.fields["Function"].startswith("None:"):
        found.append("no function, and no reason why")
    tests = re.findall(r"`(tests/[^`]+)`", card.fields["Test"])
    if not tests:
        found.append("no test")
    return found + [f"there is no {path}" for path in tests if not (ROOT / path).is_file()]


def table() -> str:
    """Both papers' numbers side by side, as the first page has them."""
    rows = ["| Entropy 2021 | AAAI 2020 | card | verdicts |", "| --- | --- | --- | --- |"]
    for card in CARDS:
        if card.source != "*Derived here.*":
            verdicts = ", ".join(dict.fromkeys(card.verdicts.values())) or "–"
            cells = card.cited("Entropy") or "–", card.cited("AAAI") or "–"
            rows.append(f"| {cells[0]} | {cells[1]} | [{card.title}]({card.place}) | {verdicts} |")
    return "\n".join(rows)


def test_every_page_is_listed() -> None:
    assert {*PAGES, "index.md"} == {path.name for path in THEORY.glob("*.md")}
    assert len({card.place for card in CARDS}) == len(CARDS)


def test_a_card_is_whole_and_says_what_is_true() -> None:
    assert not {card.place: found for card in CARDS if (found := faults(card))}


def test_every_number_of_the_papers_has_a_card() -> None:
    for paper, wanted in (("Entropy", ENTROPY), ("AAAI", AAAI)):
        assert wanted - {number for card in CARDS for number in numbers(card.cited(paper))} == set()
        assert {number for card in CARDS for number in numbers(card.cited(paper))} - wanted == set()


def test_every_claim_is_on_a_card_with_its_numbers() -> None:
    for claim in CLAIMS:
        cards = [card for card in CARDS if claim.id in card.verdicts]
        assert cards, f"no card has {claim.id}"
        for paper, place in (("Entropy", claim.entropy), ("AAAI", claim.aaai)):
            cited = {number for card in cards for number in numbers(card.cited(paper))}
            assert numbers(place) <= cited, f"{claim.id}: {paper} {place}"


def test_the_table_of_numbers_is_that_of_the_cards() -> None:
    assert INDEX.endswith(f"\n{table()}\n"), f"docs/theory/index.md should end with\n{table()}"


def test_every_erratum_is_in_the_list() -> None:
    listed = set(re.findall(r"\(theory/([^)]+)\)", (ROOT / "docs" / "errata.md").read_text()))
    assert {card.place for card in CARDS if "Erratum" in card.fields} <= listed
    assert listed <= {card.place for card in CARDS} | {"index.md"}


@pytest.mark.parametrize("page", [*BESIDE, *(f"theory/{page}" for page in ["index.md", *PAGES])])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / "docs" / page
    for target in re.findall(r"\]\((?!https:)([^)]+)\)", path.read_text()):
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.is_file(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(), flags=re.MULTILINE)
            assert anchor in map(slug, titles), target


GOOD = """Lemma 3: the fit

*Entropy 2021: Lemma 3, (19). AAAI 2020: (17).*

**Statement.** So it is.

**Proof.** By sight. ∎

**Verdict.** `lemma-3`: holds. `lemma-3-edge`: premise not met at the edge.

**Function.** `rd.theory.erm_generalization_error`.

**Test.** `tests/theory/test_erm.py`.
"""


@pytest.mark.parametrize(
    ("said", "instead", "fault"),
    [
        ("`lemma-3`:", "`lemma-9`:", "no claim has the id lemma-9"),
        ("`lemma-3`: holds.", "`lemma-3`: fails.", "lemma-3 holds, and the card says that it fails"),
        ("`lemma-3`: holds.", "`lemma-3`: holds in the limit.", "the card says that it holds in the limit"),
        ("erm_generalization_error", "erm_error", "there is no rd.theory.erm_error"),
        ("test_erm.py", "test_no.py", "there is no tests/theory/test_no.py"),
        ("**Proof.** By sight. ∎\n\n", "", "no Proof"),
        ("`rd.theory.erm_generalization_error`", "a function", "no function, and no reason why"),
        ("`lemma-3`: holds. `lemma-3-edge`: premise not met", "It is true", "no verdict, and no reason why"),
        ("*Entropy 2021: Lemma 3, (19). AAAI 2020: (17).*", "Lemma 3.", "no source"),
    ],
)  # fmt: skip
def test_a_wrong_card_is_found(said: str, instead: str, fault: str) -> None:
    (card,) = cards_of("page.md", f"## {GOOD}")
    assert not faults(card)
    assert numbers(card.cited("Entropy")) == {"Lemma 3", "(19)"}
    assert numbers(card.cited("AAAI")) == {"(17)"}
    (wrong,) = cards_of("page.md", f"## {GOOD.replace(said, instead)}")
    assert fault in "; ".join(faults(wrong))


def test_numbers_of_a_citation() -> None:
    assert numbers("section 3, before Theorem 1") == set()
    assert numbers("after (25), Figure 2b") == {"Figure 2"}
    assert numbers("Lemma A1, (A14)–(A16)") == {"Lemma A1", "(A14)", "(A15)", "(A16)"}


def test_names_in_the_glossary_are_in_the_code() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    cells = re.findall(r"^\|(?: [^|]+ \|){3} ([^|]*`[^|]+)\|", glossary, flags=re.MULTILINE)
    names = {name for cell in cells for name in re.findall(r"`(?:model\.)?(\w+)`", cell)}
    assert len(names) > 30
    code = " ".join(path.read_text() for path in (ROOT / "ratedist").rglob("*.py"))
    assert names - set(re.findall(r"\w+", code)) == set()
