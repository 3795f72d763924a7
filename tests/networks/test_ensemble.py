"""Ensembles: subsets, files, resuming, and that network i depends on (seed, i) alone."""

import dataclasses
import pathlib

import jax
import numpy as np
import pytest

from ratedist.networks import ensemble as module
from ratedist.networks.architecture import mlp
from ratedist.networks.data import ImageData
from ratedist.networks.ensemble import (
    EnsembleConfig,
    member_path,
    subset,
    train_member,
    train_members,
    train_members_together,
)
from ratedist.networks.training import Recipe

CONFIG = EnsembleConfig(
    mlp(64, (6,), 10), Recipe(learning_rate=0.05, batch_size=5, epochs=2), fraction=0.4, holdout=0.25, seed=3
)


@pytest.fixture(scope="module")
def data() -> ImageData:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 17, (60, 8, 8), dtype=np.uint8)
    labels = rng.integers(0, 10, 60)
    return ImageData("digits", images[:50], labels[:50], images[50:], labels[50:], (0.3,), (0.4,), "a test")


def same(one: object, other: object, rtol: float = 0.0) -> None:
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=rtol)


def test_subsets(data: ImageData) -> None:
    trained, held = subset(CONFIG, data, 0)
    assert (trained.size, held.size) == (15, 5)
    assert np.unique(np.concatenate([trained, held])).size == 20
    assert set(trained) != set(subset(CONFIG, data, 1)[0])
    np.testing.assert_array_equal(subset(CONFIG, data, 0)[0], trained)
    again, held = subset(dataclasses.replace(CONFIG, with_replacement=True, fraction=1.0), data, 0)
    assert again.size == 38
    assert np.unique(again).size < 38
    assert not set(again) & set(held)


def test_files_resume_and_belong_to_one_configuration(
    data: ImageData, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[int] = []
    first = train_member(CONFIG, data, 2, tmp_path, epochs.append)
    assert epochs == [1, 2]
    same(train_member(CONFIG, data, 2).parameters, first.parameters)
    with monkeypatch.context() as patch:
        patch.setattr(module, "train", lambda *_: pytest.fail("trained again"))
        same(train_member(CONFIG, data, 2, tmp_path).parameters, first.parameters)
        for change in ({"seed": 4}, {"fraction": 0.5}, {"recipe": Recipe(epochs=1)}):
            with pytest.raises(ValueError, match="belongs to networks of another configuration"):
                train_member(dataclasses.replace(CONFIG, **change), data, 2, tmp_path)
    path = member_path(tmp_path, data, 2)
    assert path.name == "digits-002.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match="not a valid safetensors file"):
        train_member(CONFIG, data, 2, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_one_flipped_bit_of_a_network_is_seen(data: ImageData, tmp_path: pathlib.Path) -> None:
    train_member(CONFIG, data, 2, tmp_path)
    path = member_path(tmp_path, data, 2)
    whole = path.read_bytes()
    for place in (len(whole) - 1, len(whole) - 1000, whole.index(b"sha256") + 10):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(
            ValueError, match=r"is damaged: its checksum does not match|not a valid|no checksum"
        ):
            train_member(CONFIG, data, 2, tmp_path)
    path.write_bytes(whole.replace(b"ratedist.sha256", b"ratedist.sha000"))
    with pytest.raises(ValueError, match="has no checksum"):
        train_member(CONFIG, data, 2, tmp_path)


@pytest.mark.slow
def test_together_as_apart(data: ImageData, tmp_path: pathlib.Path) -> None:
    train_member(CONFIG, data, 0, tmp_path)
    together = train_members_together(CONFIG, data, [0, 1, 2], tmp_path)
    for index, member in enumerate(together):
        assert member.index == index
        same(member.parameters, train_member(CONFIG, data, index).parameters, 1e-4)
    assert len(list(tmp_path.iterdir())) == 3


def test_groups_on_an_accelerator_are_the_same_networks(
    data: ImageData, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one = list(train_members(CONFIG, data, 4))
    monkeypatch.setattr(module.jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(module, "TOGETHER", 2)
    grouped = list(train_members(CONFIG, data, 4, tmp_path))
    assert [member.index for member in grouped] == [0, 1, 2, 3]
    for a, b in zip(one_by_one, grouped, strict=True):
        same(a.parameters, b.parameters, 1e-4)


def test_the_same_networks_without_double_precision(data: ImageData) -> None:
    """Random bits are drawn in one dtype whatever ``jax_enable_x64`` says; here it is on."""
    with jax.enable_x64(False):
        single = fingerprint(data)
    assert single == fingerprint(data)


def fingerprint(data: ImageData) -> str:
    """Of a small network's training images and weights, the latter to single precision."""
    member = train_member(dataclasses.replace(CONFIG, with_replacement=True), data, 0)
    leaves = jax.tree.leaves(member.parameters)
    total = sum(float(np.abs(np.asarray(leaf, np.float64)).sum()) for leaf in leaves)
    return f"{member.train_rows.sum()} {member.holdout_rows.sum()} {total:.3f}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fraction": 0.0}, "fraction"),
        ({"fraction": 1.2}, "fraction"),
        ({"holdout": 1.0}, "holdout must be at least 0 and below 1"),
        ({"seed": -1}, "seed"),
        ({"fraction": 0.001}, "leaves none to train on"),
    ],
)
def test_bad_configurations(data: ImageData, change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        subset(dataclasses.replace(CONFIG, **change), data, 0)
