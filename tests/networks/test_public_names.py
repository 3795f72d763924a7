import ast
import pathlib
import subprocess
import sys

import pytest

import ratedist as rd


def test_every_public_name_is_there_and_listed_alike():
    networks = rd.networks
    assert networks.__all__ == sorted(networks.__all__)
    assert set(networks.__all__) == set(networks._HOME) <= set(dir(networks))
    for name in networks.__all__:
        assert getattr(networks, name).__name__ == name
    tree = ast.parse(pathlib.Path(networks.__file__).read_text())
    typed = {
        alias.name: str(node.module).rsplit(".", 1)[1]
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == networks._HOME
    with pytest.raises(AttributeError, match=r"'ratedist.networks' has no attribute 'nothing'"):
        networks.nothing  # noqa: B018


def test_importing_is_light():
    code = "import sys, ratedist.networks; sys.exit(bool({'jax', 'optax', 'scipy'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


@pytest.mark.parametrize("name", ["train", "fine_tune_centers"])
def test_without_optax(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "optax", None)
    for module in ("training", "fine_tuning"):
        monkeypatch.delitem(sys.modules, f"ratedist.networks.{module}", raising=False)
    message = rf"ratedist.networks.{name} needs optax: pip install 'ratedist\[networks\]'"
    with pytest.raises(ModuleNotFoundError, match=message):
        rd.networks.__getattr__(name)
