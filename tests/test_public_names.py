"""Public names: written once, all there, imported when used, and never those of a module."""

import ast
import importlib
import pathlib
import pkgutil
import re
import subprocess
import sys
import types

import pytest

import ratedist as rd

ROOT = pathlib.Path(rd.__file__).parent
LAZY = [
    ".".join(("ratedist", *path.relative_to(ROOT).parent.parts))
    for path in sorted(ROOT.rglob("__init__.pyi"))
]


@pytest.mark.parametrize("room", LAZY)
def test_every_name_of_the_list_is_there(room):
    package = importlib.import_module(room)
    stub = pathlib.Path(str(package.__file__)).with_suffix(".pyi")
    imported = [node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom)]
    aliases = [alias for node in imported for alias in node.names]
    names = [alias.name for alias in aliases]
    assert len(set(names)) == len(names)
    # Only so are they seen from outside by type checkers.
    assert all(alias.asname == alias.name for alias in aliases)
    assert sorted(names) == sorted(package.__all__) == sorted(dir(package))
    for name in names:
        value = getattr(package, name)
        assert isinstance(value, types.ModuleType) or getattr(value, "__name__", name) == name
    namespace = {}
    exec(f"from {room} import *", namespace)
    assert set(names) <= namespace.keys()
    with pytest.raises(AttributeError, match=r"attribute.*nothing"):
        package.nothing  # noqa: B018


def test_the_help_of_theory_has_every_name_in_one_family():
    document = str(rd.theory.__doc__)
    lists = "".join(line for line in document.splitlines(keepends=True) if line.startswith(" " * 8))
    assert sorted(re.findall(r"\w+", lists)) == sorted(rd.theory.__all__)


def every_module() -> list[types.ModuleType]:
    found = pkgutil.walk_packages(rd.__path__, "ratedist.")
    return [importlib.import_module(info.name) for info in found if info.name != "ratedist.__main__"]


def test_no_function_hides_its_module():
    for module in every_module():
        parent, _, name = module.__name__.rpartition(".")
        found = getattr(importlib.import_module(parent), name, module)
        assert found is module, f"{module.__name__} is hidden by {found!r}"


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import ratedist", {"typing", "ast", "lazy_loader", "numpy", "jax"}),
        ("import ratedist.theory", {"numpy", "jax"}),
        ("import ratedist.networks", {"jax", "optax", "scipy"}),
        ("import ratedist as rd; rd.theory.rate_distortion; rd.GaussianLinearModel", {"jax", "pandas"}),
    ],
)
def test_importing_is_light(statement, absent):
    code = f"""import sys
before = {{*sys.modules}}
{statement}
print(*({absent!r} & {{*sys.modules}} - before))"""
    found = subprocess.run([sys.executable, "-c", code], timeout=300, check=True, capture_output=True)
    assert found.stdout.split() == []
