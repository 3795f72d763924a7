"""Imports point one way: between rooms by a list, inside each room and its rooms without a circle."""

import ast
import functools
import graphlib
import pathlib

import pytest

import ratedist

PACKAGE = pathlib.Path(ratedist.__file__).parent
LAYERS = [
    "_checks",
    "units",
    "interruption",
    "compilation_cache",
    "kept_programs",
    "pytrees",
    "processes",
    "files",
    "estimate",
    "codes",
    "linear_model",
    "theory",
    "quantizers",
    "lowrank",
    "compressors",
    "simulation",
    "container",
    "tensors",
    "networks",
    "claims",
    "experiments",
    "plotting",
    "explorer",
    "cli",
    "__main__",
]
FILES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
LAYERS_HERE = sorted({path.parts[0].removesuffix(".py") for path in FILES})


LONGEST = 300  # lines of a file; none is longer


def layer(module: str) -> str:
    return module.removeprefix("ratedist.").split(".")[0]


def file_of(module: str) -> pathlib.Path | None:
    """The file of a module of this package, relative to it."""
    place = pathlib.Path(*module.split(".")[1:])
    for path in (place.with_suffix(".py"), place / "__init__.py") if place.parts else ():
        if module.startswith("ratedist.") and (PACKAGE / path).exists():
            return path
    return None


# Where statements have others inside.
STATEMENTS = ("body", "orelse", "finalbody", "handlers", "cases")


def home(module: str, name: str) -> str:
    """The module that ``from module import name`` takes the name from, through the lists of rooms."""
    inner = f"{module}.{name}"
    if module == "ratedist" or file_of(inner):
        return inner
    path = file_of(module)
    if path is None or path.name != "__init__.py":
        return module
    return offered(path).get(name, module)


@functools.cache
def offered(path: pathlib.Path) -> dict[str, str]:
    """Names that a room has from its modules, as its list, ``__init__.pyi``, or else itself says."""
    stub = (PACKAGE / path).with_suffix(".pyi")
    room = ".".join(("ratedist", *path.parent.parts))
    tree = ast.parse((stub if stub.exists() else PACKAGE / path).read_text())
    return {
        alias.name: f"{room}.{node.module}" if node.level else str(node.module)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


@functools.cache
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
            found.extend(home(str(node.module), alias.name) for alias in node.names)
        for part in STATEMENTS:  # in expressions, which are most of a file, nothing is imported
            for child in getattr(node, part, ()):
                visit(child)

    visit(ast.parse((PACKAGE / path).read_text()))
    return found


def files_of(own: str) -> list[pathlib.Path]:
    """The files of a layer, a room or a single module."""
    return [path for path in FILES if path.parts[0].removesuffix(".py") == own]


@pytest.mark.parametrize("own", [layer for layer in LAYERS_HERE if layer != "__init__"])
def test_imports_point_upwards(own: str) -> None:
    assert own in LAYERS, f"{own} has no place in the order of layers"
    for path in files_of(own):
        for module in imports(path):
            if module.startswith("ratedist."):
                assert LAYERS.index(layer(module)) <= LAYERS.index(own), f"{path} imports {module}"


@pytest.mark.parametrize("own", LAYERS_HERE)
def test_rooms_keep_to_their_libraries(own: str) -> None:
    for path in files_of(own):
        modules = {module.split(".")[0] for module in imports(path)}
        if own != "plotting":
            assert not modules & {"matplotlib", "seaborn"}, f"only plotting may import matplotlib, not {path}"
        if own == "theory":
            assert not modules & {"jax", "pandas", "random"}, f"theory is NumPy and SciPy alone, not {path}"
        assert "pickle" not in modules, f"{path} imports pickle"


ROOMS = sorted({path.parent for path in FILES if path.parent.parts})


@pytest.mark.parametrize("room", ROOMS, ids=str)
def test_no_circle_inside_a_room(room: pathlib.Path) -> None:
    """Its files, and each room in it as one: those that they import, those that these import, and so on."""
    graph: dict[str, set[str]] = {}
    for path in FILES:
        if room in path.parents and path != room / "__init__.py":
            own = path.relative_to(room).parts[0]
            found = {file for module in imports(path) if (file := file_of(module))}
            inside = {file.relative_to(room).parts[0] for file in found if room in file.parents}
            graph.setdefault(own, set()).update(inside - {own, "__init__.py"})
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_what_the_rooms_of_theory_share_rests_on_none_of_them() -> None:
    for path in (path for path in FILES if path.parts[:-1] == ("theory",)):
        above = {file for module in imports(path) if (file := file_of(module))}
        assert not {file for file in above if len(file.parts) > 2 and file.parts[0] == "theory"}, path


def test_no_file_holds_more_than_one_idea() -> None:
    lines = {str(path): len((PACKAGE / path).read_text().splitlines()) for path in FILES}
    assert not {path: number for path, number in lines.items() if number > LONGEST}
