"""What the README shows runs as it stands."""

import pathlib
import re

import pytest

README = (pathlib.Path(__file__).parent.parent / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("code", SNIPPETS)
def test_snippet_runs(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code.replace("10_000", "500"), "README.md", "exec"), {})
    assert capsys.readouterr().out


def test_the_two_commands_are_one_line_each() -> None:
    between = README.split("<!-- ci -->")[1].split("<!-- end ci -->")[0]
    assert len(re.findall(r"^python3 .*$", between, flags=re.MULTILINE)) == 2


def test_paths_named_in_the_readme_exist() -> None:
    root = pathlib.Path(__file__).parent.parent
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (root / target).exists(), target
