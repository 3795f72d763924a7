"""Formulas in documents and notebooks are whole: a broken one is red letters, and no build complains."""

import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("notebooks/*.ipynb")]
PAGES = sorted(str(path.relative_to(ROOT)) for path in DOCUMENTS)
CODE = re.compile(
    r"^([ \t]*)(```+|~~~+).*?^\1\2[^\n]*$|``.+?``|`[^`\n]+(?:\n[^`\n]+)?`", re.DOTALL | re.MULTILINE
)
COMMAND = re.compile(r"\\(?:[a-zA-Z]+|.)", re.DOTALL)


def formulas(markdown: str) -> list[str]:
    """Everything between dollars, and what is left of a text with an odd number of them."""
    text = CODE.sub("code", markdown).replace(r"\$", "")
    shown = re.findall(r"\$\$(.*?)\$\$", text, flags=re.DOTALL)
    rest = re.sub(r"\$\$.*?\$\$", " ", text, flags=re.DOTALL)
    inline = re.findall(r"\$([^$\n]+(?:\n[^$\n]+)?)\$", rest)
    left = re.sub(r"\$[^$\n]+(?:\n[^$\n]+)?\$", " ", rest)
    return shown + inline + re.findall(r".{0,40}\$.{0,40}", left)


def faults(formula: str) -> list[str]:
    found = []
    if "$" in formula:
        found.append("a dollar without its other")
    depth = 0
    for brace in re.findall(r"[{}]", re.sub(r"\\[{}]", "", formula)):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            break
    if depth:
        found.append("braces that do not match")
    commands = COMMAND.findall(formula)
    if commands.count(r"\left") != commands.count(r"\right"):
        found.append(r"\left without \right")
    begun, ended = (re.findall(rf"\\{word}\{{(\w+\*?)\}}", formula) for word in ("begin", "end"))
    if sorted(begun) != sorted(ended):
        found.append(r"\begin without its \end")
    if r"\tag" in commands and r"\\" in commands:
        found.append(r"\tag in several lines, which the site cannot number")
    if re.search(r"[^\x00-\x7f½±−–…“”×⊗]", re.sub(r"\\text\{[^}]*\}", "", formula)):
        found.append("letters that are no LaTeX")
    return found


def text_of(page: str) -> str:
    content = (ROOT / page).read_text()
    if page.endswith(".md"):
        return content
    cells = json.loads(content)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def test_formulas_are_whole() -> None:
    all_formulas = ((page, formula) for page in PAGES for formula in formulas(text_of(page)))
    assert not {place: found for place in all_formulas if (found := faults(place[1]))}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (r"So $\frac{1}{2$ it is.", "braces that do not match"),
        (r"So $\lbrace x}{$ it is.", "braces that do not match"),
        (r"So $\left( x $ it is.", r"\left without \right"),
        ("$$\n\\begin{aligned}\nx\n\\end{align}\n$$", r"\begin without its \end"),
        ("$$\nx \\\\\ny \\tag{1}\n$$", r"\tag in several lines, which the site cannot number"),
        ("A price of $ 5 alone.", "a dollar without its other"),
        ("So $σ_ℓ² ≤ 1$ it is.", "letters that are no LaTeX"),
    ],
)
def test_a_broken_formula_is_found(text: str, fault: str) -> None:
    assert any(fault in faults(formula) for formula in formulas(text))


def test_whole_formulas_pass() -> None:
    text = """A $\\{x\\}$ and `$HOME` and

```sh
echo $HOME
```

$$
\\left[\\frac{1}{2}\\right] \\tag{1}
$$
"""
    found = formulas(text)
    assert len(found) == 2
    assert not [fault for formula in found for fault in faults(formula)]
