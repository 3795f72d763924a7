"""Layers import one way only: a module may import what stands above it in this list."""

import ast
import pathlib

import pytest

import ratedist

PACKAGE = pathlib.Path(ratedist.__file__).parent
LAYERS = [
    "_checks",
    "units",
    "interruption",
    "files",
    "estimate",
    "codes",
    "linear_model",
    "theory",
    "quantizers",
    "compressors",
    "simulation",
    "container",
    "tensors",
    "networks",
    "claims",
    "experiments",
    "plotting",
    "cli",
    "__main__",
]
FILES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def layer(module: str) -> str:
    return module.removeprefix("ratedist.").split(".")[0]


def imports(path: pathlib.Path) -> list[str]:
    """Every ``ratedist`` module that a file imports, inside functions too, type-only imports left out."""
    found: list[str] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            if node.module == "ratedist":
                found.extend(f"ratedist.{alias.name}" for alias in node.names)
            else:
                found.append(str(node.module))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse((PACKAGE / path).read_text()))
    return found


@pytest.mark.parametrize("path", [path for path in FILES if str(path) != "__init__.py"], ids=str)
def test_imports_point_upwards(path: pathlib.Path) -> None:
    own = path.parts[0].removesuffix(".py")
    assert own in LAYERS, f"{own} has no place in the order of layers"
    for module in imports(path):
        if module.startswith("ratedist."):
            assert LAYERS.index(layer(module)) <= LAYERS.index(own), f"{path} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_rooms_keep_to_their_libraries(path: pathlib.Path) -> None:
    room, modules = path.parts[0], {module.split(".")[0] for module in imports(path)}
    if room != "plotting":
        assert not modules & {"matplotlib", "seaborn"}, f"only plotting may import matplotlib, not {path}"
    if room == "theory":
        assert not modules & {"jax", "pandas", "random"}, f"theory is NumPy and SciPy alone, not {path}"
    assert "pickle" not in modules


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_file_holds_more_than_one_idea(path: pathlib.Path) -> None:
    assert len((PACKAGE / path).read_text().splitlines()) <= 400
