"""What a lesson lacks is found, and a number of its text that nothing gives."""

import math

import pytest

from tests import notebook_text
from tests.notebook_sample import LESSON, lesson


def static_faults(notebook) -> list[str]:
    text = notebook_text.prose(notebook)
    return notebook_text.faults_of_shape(notebook) + notebook_text.numbers_without_tag(text)


def test_a_good_lesson_has_no_fault() -> None:
    assert static_faults(lesson()) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("<!-- =estimate -->", "", "without a tag: '2.50'"),
        ("(eq. 3,", "(in 3 of 4,", "without a tag: '3'"),
        ("It is 2.50 ± 0.25", "It is", "behind no number"),
        ("here?", "here.", "no question"),
        ("**Goals**", "Goals", "Goals"),
        ("**Before you run", "Before you run", "prediction"),
        ("★★★", "★★", "three exercises"),
        ("<details><summary>Solution</summary>\n\nSo.\n\n</details>", "So.", "exercise 1 has no folded"),
        ("<summary>Solution</summary>\n\nSo", "<summary>Solution</summary>\nSo", "blank line"),
        ("<summary>Solution</summary>\n\nSo", "<summary>Answer</summary>\n\nSo", "a <details> that is no"),
        ("## Check yourself", "## The end", "Check yourself"),
        ("twice =", "from ratedist.units import nats_to_bits\ntwice =", "ratedist as rd"),
    ],
)
def test_what_a_lesson_lacks_is_found(old: str, new: str, fault: str) -> None:
    assert old in LESSON
    assert any(fault in found for found in static_faults(lesson(LESSON.replace(old, new))))


def test_wrong_code_cells_are_found() -> None:
    assert any("asserts nothing" in one for one in static_faults(lesson(check="print(values)")))
    assert any("asserts nothing" in one for one in static_faults(lesson(check="assert values")))
    for line in ("import ratedist", "from ratedist import claims", "import ratedist.theory as t"):
        assert any("ratedist as rd" in one for one in static_faults(lesson(code=line)))
    stored = lesson()
    stored.cells[0].execution_count = 1
    assert "holds stored outputs" in static_faults(stored)


@pytest.mark.parametrize(
    "text",
    [
        "L2 and CIFAR10",
        "of (1993) and Entropy 2021, in 2004",
        "$x = 3$, `y = 4`",
        "[part 3](3_two_clusters.ipynb)",
        "1. first\n2. second",
        "## 3 things",
        "eqs. (36) and (37), Lemma 2, Figures 3 to 5, notebook 3, section 2: no number",
        "<!-- 3 -->",
        "```python\n3\n```",
        "1,024<!-- =x -->",
        "**−0.5 ± 0.1**<!-- =x -->",
        "99%<!-- =x -->",
        "1e-4<!-- =x -->",
    ],
)
def test_what_is_no_untagged_number(text: str) -> None:
    assert notebook_text.numbers_without_tag(text) == []


@pytest.mark.parametrize(
    "text",
    ["K = 2", "3 bits", "| 0.5 |", "2d", "−0.3", "in 2100 trials", "Figure 2 has 3", "50%", "±1", "20×50"],
)
def test_an_untagged_number(text: str) -> None:
    assert notebook_text.numbers_without_tag(text)


def test_how_digits_are_read() -> None:
    for value, printed in [(1.85499, "1.85"), (-0.3746, "−0.375"), (421828.4, "421,828"), (1.2e-4, "1.2e-4")]:
        assert notebook_text.rounds_to(value, printed)
    for value, printed in [(1.8551, "1.85"), (0.375, "−0.375"), (421828.6, "421,828"), (1.3e-4, "1.2e-4")]:
        assert not notebook_text.rounds_to(value, printed)
    assert math.isclose(notebook_text.half_a_digit("1.20e-4"), 5e-7)
