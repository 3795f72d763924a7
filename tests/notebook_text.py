"""What the prose of a notebook promises: tagged numbers, folded solutions, the shape of a lesson.

A number in prose that is a result has a comment right behind it with the expression that gives it::

    loses 1.069 ± 0.001<!-- =result["kmeans"].population_risk -->

- ``=EXPRESSION`` in the names that the notebook leaves: an ``Estimate``, a pair (mean, error) or a number.
- ``==EXPRESSION``: a number that does not depend on the trials, and so is compared in every run.
- ``from figures/NAME.csv: EXPRESSION``: of a table that another command wrote, which is ``table`` in it.

Settings are written as words, in code or in $…$. Any other number in prose is a fault.
"""

import dataclasses
import math
import re

NUMBER = r"[+\-−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+\-−]?\d+)?"
PRINTED = rf"(?<![\w.])(?P<mean>{NUMBER})(?:\s?±\s?(?P<error>{NUMBER}))?%?\**"
TAG = r"<!--\s*(?P<kind>==?|from (?P<file>\S+):)(?P<expression>.*?)-->"
TAGGED = re.compile(PRINTED + TAG, re.DOTALL)
FOLD = re.compile(r"<details>\s*<summary>Solution</summary>(.*?)</details>", re.DOTALL)
FENCE = re.compile(r"^([ \t]*)```(\w*)\n(.*?)^\1```[ \t]*$", re.DOTALL | re.MULTILINE)
# What a digit may stand in: code, formulas, links, pictures, headings, other comments, list numbers, …
NO_RESULT = [
    FENCE,
    re.compile(r"``.+?``|`[^`]+`", re.DOTALL),
    re.compile(r"\$\$.*?\$\$|\$[^$]+\$", re.DOTALL),
    re.compile(r"!?\[[^\]]*\]\([^)]*\)"),
    re.compile(r"<!--.*?-->|</?[a-z][^>\n]*>", re.DOTALL),
    re.compile(r"^#+ .*$|^\s*\d+\.\s", re.MULTILINE),
    # … references …
    re.compile(
        r"\b(?:eqs?\.|equations?|figures?|figs?\.|lemmas?|propositions?|theorems?|corollar(?:y|ies)|remarks?|"
        r"sections?|secs?\.|exercises?|algorithms?|notebooks?|appendix|chapters?|pages?)\s+"
        r"\(?\d+(?:\.\d+)*[a-z]?\)?(?:(?:,| and| to|–|-)\s*\(?\d+(?:\.\d+)*[a-z]?\)?)*(?![\w.]*\d)",
        re.IGNORECASE,
    ),
    # … and years: "(1993)", "Entropy 2021", "of 2025".
    re.compile(r"(?:\(|\b(?:in|of|since|[A-Z]\w+),?\s+)(?:19[4-9]|20[0-3])\d\b(?![.,]?\d)"),
]
STARS = ("★", "★★", "★★★")
EXERCISE = re.compile(r"\*\*Exercise (\d+) (★+)\.?\*\*")


@dataclasses.dataclass(frozen=True)
class Tag:
    """One number of the prose as it is printed, and what gives it."""

    text: str
    mean: str
    error: str | None
    expression: str
    exact: bool
    file: str | None

    def fault(self, value: object, error: float | None, full: bool) -> str:
        """What is wrong with the printed number, "" for nothing.

        ``value`` is a number, with ``error`` where the expression gives an estimate. Unless the trials are
        those of the text (``full``) or the number does not depend on them, it is compared in kind alone.
        """
        where = f"{self.text!r} of {self.expression!r}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{where}: no number, but {value!r}"
        if not math.isfinite(value) or (error is not None and not math.isfinite(error)):
            return f"{where}: {value} ± {error} is not finite"
        if self.error is not None and error is None:
            return f"{where}: an error is printed, but the expression has none"
        if full or self.exact or self.file:
            # An estimate may be printed without its error; then the mean alone is compared.
            pairs = [(self.mean, value)] + ([(self.error, error)] if self.error is not None else [])
            wrong = any(not rounds_to(number, printed) for printed, number in pairs)
            return f"{where}: now {value:.10g}{'' if error is None else f' ± {error:.3g}'}" if wrong else ""
        if error is not None and abs(value - as_float(self.mean)) > 4 * error + half_a_digit(self.mean):
            return f"{where}: {value} ± {error} is more than four standard errors away"
        return ""


def as_float(printed: str) -> float:
    return float(printed.replace(",", "").replace("−", "-"))


def half_a_digit(printed: str) -> float:
    """Half a unit of the last digit that is printed."""
    mantissa, _, exponent = printed.replace("−", "-").partition("e")
    return 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def rounds_to(value: float, printed: str) -> bool:
    # A little more than half a digit: what lies between two may be rounded to either.
    return abs(value - as_float(printed)) <= half_a_digit(printed) * (1 + 1e-6) + 1e-14 * abs(value)


def tags(markdown: str) -> list[Tag]:
    """The tagged numbers of a text in their order."""
    return [
        Tag(
            found[0].partition("<!--")[0],
            found["mean"],
            found["error"],
            " ".join(found["expression"].split()),
            found["kind"] == "==",
            found["file"],
        )
        for found in TAGGED.finditer(markdown)
    ]


def numbers_without_tag(markdown: str) -> list[str]:
    """Numbers in plain prose that no expression gives, and expressions behind no number."""
    rest = TAGGED.sub("", markdown)
    faults = [f"behind no number: {found[0]}" for found in re.finditer(TAG, rest, re.DOTALL)]
    for pattern in NO_RESULT:
        rest = pattern.sub(" ", rest)
    for found in re.finditer(r"(?<![\w.])[+\-−]?\d[\w.,]*", rest):
        around = " ".join(rest[max(0, found.start() - 40) : found.end() + 20].split())
        faults.append(f"without a tag: {found[0]!r} in …{around}…")
    return faults


@dataclasses.dataclass(frozen=True)
class Solution:
    """A folded solution: its code, which runs behind the notebook, and its tagged numbers."""

    code: list[str]
    tags: list[Tag]


def solutions(markdown: str) -> list[Solution]:
    return [
        Solution([code for _, kind, code in FENCE.findall(fold) if kind == "python"], tags(fold))
        for fold in FOLD.findall(markdown)
    ]


def without_folds(markdown: str) -> str:
    return FOLD.sub("", markdown)


def prose(notebook) -> str:
    """All Markdown of a notebook, one cell after the other."""
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def faults_of_shape(notebook) -> list[str]:
    """What a lesson needs and this notebook lacks; an empty list is a good one."""
    text, code = prose(notebook), [cell for cell in notebook.cells if cell.cell_type == "code"]
    faults = []
    if any(cell.get("outputs") or cell.get("execution_count") for cell in code):
        faults.append("holds stored outputs")
    if not re.match(r"\s*# .+\?\s*$", text, re.MULTILINE):
        faults.append("the title is no question")
    if "**Goals**" not in text:
        faults.append('no "**Goals**"')
    if not re.search(r"\*\*Before you run the next cell", text):
        faults.append('no prediction: "**Before you run the next cell**"')
    exercises = EXERCISE.findall(text)
    if exercises != [(str(number), stars) for number, stars in enumerate(STARS, 1)]:
        faults.append(f"no three exercises ★, ★★, ★★★, but {exercises}")
    for (number, _), after in zip(exercises, EXERCISE.split(text)[3::3], strict=True):
        if len(FOLD.findall(after)) != 1:
            faults.append(f"exercise {number} has no folded solution")
    faults += ["no blank line behind <summary>"] * any(
        not fold.startswith("\n\n") or not fold.endswith("\n\n") for fold in FOLD.findall(text)
    )
    if text.count("<details") != len(FOLD.findall(text)):
        faults.append("a <details> that is no <details><summary>Solution</summary> … </details>")
    heading = [cell for cell in notebook.cells if re.search(r"^## Check yourself", cell.source, re.MULTILINE)]
    if not heading or not code or notebook.cells.index(heading[-1]) > notebook.cells.index(code[-1]):
        faults.append('no "## Check yourself" before the last code cell')
    if not code or not re.search(r"^\s*assert .*,", code[-1].source, re.MULTILINE | re.DOTALL):
        faults.append("the last code cell asserts nothing in words")
    source = "\n".join([*(cell.source for cell in code), *(c for s in solutions(text) for c in s.code)])
    for line in re.findall(r"^\s*((?:import|from)\b.*\bratedist\b.*)$", source, re.MULTILINE):
        if line.strip() != "import ratedist as rd":
            faults.append(f'of the package "import ratedist as rd" alone, not {line!r}')
    return faults
