"""What needs optax says so, and which command installs it."""

import sys

import pytest

import ratedist as rd


@pytest.mark.parametrize("name", ["train", "fine_tune_centers"])
def test_without_optax(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "optax", None)
    for module in ("training", "fine_tuning"):
        monkeypatch.delitem(sys.modules, f"ratedist.networks.{module}", raising=False)
    message = rf"ratedist.networks.{name} needs optax: pip install 'ratedist\[networks\]'"
    with pytest.raises(ModuleNotFoundError, match=message):
        rd.networks.__getattr__(name)
