"""Data sets: where they come from, what is checked, and what is said when they cannot be had."""

import builtins
import io
import pathlib
import tarfile

import numpy as np
import pytest

from ratedist.networks import data as module
from ratedist.networks.data import load


def arrays(images: int = 4, labels: int = 10) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (images, 28, 28), dtype=np.uint8),
        "y_train": rng.integers(0, labels, images, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (3, 28, 28), dtype=np.uint8),
        "y_test": rng.integers(0, labels, 3, dtype=np.uint8),
    }


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a folder of the developer's nor the network."""
    monkeypatch.delenv(module.DIRECTORY_VARIABLE, raising=False)


def test_a_data_set_in_a_line() -> None:
    assert len(repr(load("digits"))) < 200


def test_digits_need_no_file_and_are_standardised() -> None:
    data = load("digits")
    assert data.train_images.shape == (1297, 8, 8)
    assert data.test_images.shape == (500, 8, 8)
    scaled = data.scaled(data.train_images)
    assert scaled.dtype == np.float32
    assert abs(scaled.mean()) < 0.01
    assert abs(scaled.std() - 1) < 0.01


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_local_files_are_read(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    expected = arrays()
    np.savez(tmp_path / "mnist.npz", **expected)
    if by == "variable":
        monkeypatch.setenv(module.DIRECTORY_VARIABLE, str(tmp_path))
    data = load("mnist", tmp_path if by == "argument" else None)
    np.testing.assert_array_equal(data.train_images, expected["x_train"])
    np.testing.assert_array_equal(data.test_labels, expected["y_test"])
    black = np.zeros((1, 28, 28), np.uint8)
    np.testing.assert_allclose(data.scaled(black), -0.1307 / 0.3081, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": np.zeros((4, 27, 28), np.uint8)}, r"x_train .* uint8 of shape \(60000, 28, 28\)"),
        ({"x_train": np.zeros((4, 28, 28))}, "got float64"),
        ({"y_train": np.full(4, 10)}, "integers from 0 to 9"),
        ({"y_train": np.zeros(3, int)}, "must be 4 integers"),
        ({"y_test": np.zeros(3)}, "got float64"),
        ({"x_test": np.zeros((0, 28, 28), np.uint8), "y_test": np.zeros(0, int)}, "x_test"),
    ],
)
def test_other_arrays_are_refused(tmp_path: pathlib.Path, change: dict, message: str) -> None:
    np.savez(tmp_path / "mnist.npz", **(arrays() | change))
    with pytest.raises(ValueError, match=message):
        load("mnist", tmp_path)


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x03\x04 torn"])
def test_damaged_files_are_refused(tmp_path: pathlib.Path, content: bytes) -> None:
    (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(ValueError, match="must hold x_train, y_train, x_test and y_test"):
        load("mnist", tmp_path)


def test_a_file_that_inflates_is_refused_unread(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(
        tmp_path / "mnist.npz", **(arrays() | {"x_train": np.zeros((61_000, 28, 28), np.uint8)})
    )
    monkeypatch.setattr(np.lib.format, "read_array", lambda *_, **__: pytest.fail("unpacked"))
    with pytest.raises(
        ValueError, match="x_train is 47,824,128 bytes unpacked, where 47,040,000 are expected"
    ):
        load("mnist", tmp_path)


def test_pickles_are_never_opened(tmp_path: pathlib.Path) -> None:
    hostile = np.empty(1, object)
    hostile[0] = pathlib.Path
    np.savez(tmp_path / "mnist.npz", **(arrays() | {"x_train": hostile}))
    with pytest.raises(ValueError, match="must hold"):
        load("mnist", tmp_path)


def test_missing_file_of_a_named_folder(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=r"cifar10.npz does not exist; without network, put cifar10.npz"):
        load("cifar10", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_without_network_the_message_says_what_to_do(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    import pooch

    tried = []

    def fails(url: str, **options: object) -> str:
        tried.append(url)
        assert str(options["known_hash"]).startswith("sha256:")
        raise ConnectionError

    monkeypatch.setattr(pooch, "retrieve", fails)
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path)
    with pytest.raises(ValueError, match=f'{module.DIRECTORY_VARIABLE}, or use "digits"'):
        load(name)
    assert len(tried) >= 2, "more than one mirror"


def test_cifar10_archive_is_read_without_pickle(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pooch

    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (6, 2, 32, 32, 3), dtype=np.uint8)
    labels = rng.integers(0, 10, (6, 2), dtype=np.uint8)
    path = tmp_path / "cifar.tar.gz"
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    with tarfile.open(path, "w:gz") as archive:
        for name, pixels, ys in zip(names, images, labels, strict=True):
            planes = pixels.transpose(0, 3, 1, 2).reshape(2, -1)
            content = np.concatenate([ys[:, None], planes], axis=1).tobytes()
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(pooch, "retrieve", lambda *_, **__: str(path))
    data = load("cifar10")
    np.testing.assert_array_equal(data.train_images, images[:5].reshape(10, 32, 32, 3))
    np.testing.assert_array_equal(data.train_labels, labels[:5].reshape(10))
    np.testing.assert_array_equal(data.test_images, images[5])


def test_unknown_names_and_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="name must be one of mnist, cifar10, digits; got 'imagenet'"):
        load("imagenet")
    really = builtins.__import__

    def without(name: str, *rest: object, **options: object) -> object:
        if name.split(".")[0] in ("pooch", "sklearn"):
            raise ImportError(name)
        return really(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"needs pooch: pip install 'ratedist\[networks\]'"):
        load("mnist")
    with pytest.raises(ValueError, match="digits needs scikit-learn"):
        load("digits")
