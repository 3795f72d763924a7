"""Images to train and test on: MNIST, CIFAR10 and, with no network at all, scikit-learn's digits."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
import os
import pathlib
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ratedist import _checks

DIRECTORY_VARIABLE = "RATEDIST_DATA_DIR"
NPY_HEADER = 1024  # an upper bound on what precedes the numbers of a plain array
TIMEOUT = (1.5, 30.0)  # seconds to wait for a server to answer, and for its next bytes


@dataclasses.dataclass(frozen=True, eq=False)
class ImageData:
    """A classification data set, split as published.

    Attributes:
        name: "mnist", "cifar10" or "digits".
        train_images: uint8 of shape ``(N, height, width)`` or ``(N, height, width, channels)``.
        train_labels: integers of shape ``(N,)``.
        test_images: uint8 of shape ``(M, height, width)`` or ``(M, height, width, channels)``.
        test_labels: integers of shape ``(M,)``.
        pixel_mean: of the published training set (digits, which have none: of all images), one number per
            channel, pixels running from 0 to 1.
        pixel_deviation: standard deviation of the pixels that ``pixel_mean`` is of, one number per channel.
        source: where the arrays came from, in words.
    """

    name: str
    train_images: np.ndarray = dataclasses.field(repr=False)
    train_labels: np.ndarray = dataclasses.field(repr=False)
    test_images: np.ndarray = dataclasses.field(repr=False)
    test_labels: np.ndarray = dataclasses.field(repr=False)
    pixel_mean: tuple[float, ...]
    pixel_deviation: tuple[float, ...]
    source: str

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over the four arrays."""
        digest = hashlib.sha256()
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def scaled(self, images: np.ndarray) -> np.ndarray:
        """Images as float32 of mean 0 and standard deviation 1 a channel over the training set."""
        pixels = images.astype(np.float32) / np.float32(_SETS[self.name].white)
        mean = np.asarray(self.pixel_mean, np.float32)
        return (pixels - mean) / np.asarray(self.pixel_deviation, np.float32)


@dataclasses.dataclass(frozen=True)
class _Published:
    """What is known about a data set before it is loaded."""

    train_shape: tuple[int, ...]
    test_shape: tuple[int, ...]
    pixel_mean: tuple[float, ...]
    pixel_deviation: tuple[float, ...]
    white: int = 255
    file: str = ""
    sha256: str = ""
    mirrors: tuple[str, ...] = ()
    read: Callable[[pathlib.Path, _Published], dict[str, np.ndarray]] | None = None


def load(name: str, directory: str | os.PathLike[str] | None = None) -> ImageData:
    """Load a data set: from a folder, from the cache, or from its mirrors, in that order.

    A file ``NAME.npz`` in the folder has the arrays x_train, y_train, x_test and y_test; they are checked by
    key, shape, dtype and range. A download is checked by its SHA-256, before anything in it is opened.

    Args:
        name: "mnist", "cifar10" or "digits"; the last, 1,797 images of 8 × 8 pixels, is part of scikit-learn
            and needs no file. Its last 500 images, by other writers, are the test set.
        directory: folder with ``NAME.npz``; by default what the environment variable RATEDIST_DATA_DIR names.

    Raises:
        ValueError: an unknown name, a file without the right arrays, a failed download (the message says how
            to go on without network), a missing package.

    Example:
        >>> import ratedist as rd
        >>> data = rd.networks.load("digits")
        >>> data.train_images.shape, data.test_labels.shape
        ((1297, 8, 8), (500,))
    """
    _checks.one_of("name", name, tuple(_SETS))
    published = _SETS[name]
    if name == "digits":
        arrays, source = _digits(), "scikit-learn's digits"
    else:
        folder = pathlib.Path(directory or os.environ.get(DIRECTORY_VARIABLE) or os.devnull)
        path = folder / f"{name}.npz"
        if directory is not None and not path.is_file():
            raise ValueError(f"{path} does not exist; {_advice(name)}")
        if path.is_file():
            arrays, source = _read_npz(path, published), f"a local {name}.npz"
        else:
            if published.read is None:
                raise ValueError(f"no reader for {name}")
            path = _downloaded(name, published)
            arrays, source = published.read(path, published), published.file
    checked = _checked(name, published, arrays)
    return ImageData(name, *checked, published.pixel_mean, published.pixel_deviation, source)


def _digits() -> dict[str, np.ndarray]:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ValueError("digits needs scikit-learn: pip install 'ratedist[networks]'") from None
    loaded: Any = load_digits()
    images, labels = loaded.images.astype(np.uint8), loaded.target.astype(np.uint8)
    return {
        "x_train": images[:-500],
        "y_train": labels[:-500],
        "x_test": images[-500:],
        "y_test": labels[-500:],
    }


def _downloaded(name: str, published: _Published) -> pathlib.Path:
    """The file of a data set in the cache, downloaded from the first mirror that has it."""
    try:
        import pooch
    except ImportError:
        raise ValueError(
            f"downloading {name} needs pooch: pip install 'ratedist[networks]'; {_advice(name)}"
        ) from None
    cache = pathlib.Path(pooch.os_cache("ratedist"))
    pooch.get_logger().setLevel("WARNING")
    failures = []
    for url in published.mirrors:
        try:
            path = pooch.retrieve(
                url,
                known_hash=f"sha256:{published.sha256}",
                fname=published.file,
                path=cache,
                downloader=_downloader(pooch),
            )
            return pathlib.Path(path)
        except Exception as error:  # requests, urllib3 and pooch each raise their own
            failures.append(f"{url.split('/')[2]}: {type(error).__name__}")
    raise ValueError(f"{name} could not be downloaded ({'; '.join(failures)}); {_advice(name)}")


def _downloader(pooch: Any) -> Any:
    """One that shows a bar, and gives up where nobody answers."""
    return pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUT)


def _advice(name: str) -> str:
    return (
        f"without network, put {name}.npz with the arrays x_train, y_train, x_test, y_test into a folder and "
        f'name it in the environment variable {DIRECTORY_VARIABLE}, or use "digits", which needs neither'
    )


def _read_npz(path: pathlib.Path, published: _Published) -> dict[str, np.ndarray]:
    """The four arrays of a file; how large each may become is compared before anything is unpacked."""
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive, np.load(path, allow_pickle=False) as file:
            for split, shape in (("train", published.train_shape), ("test", published.test_shape)):
                for key, most in ((f"x_{split}", math.prod(shape)), (f"y_{split}", 8 * shape[0])):
                    size = archive.getinfo(f"{key}.npy").file_size
                    if size > most + NPY_HEADER:
                        raise ValueError(f"{key} is {size:,} bytes unpacked, where {most:,} are expected")
                    arrays[key] = file[key]
    except KeyError as error:
        raise ValueError(f"{path} must hold x_train, y_train, x_test and y_test: {error.args[0]}") from None
    except (OSError, ValueError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} must hold x_train, y_train, x_test and y_test: {error}") from None
    return arrays


def _read_cifar10(path: pathlib.Path, published: _Published) -> dict[str, np.ndarray]:
    """The published binary archive: records of one byte of label and 3 × 32 × 32 bytes of pixels."""
    parts = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
    record_bytes = 1 + math.prod(published.train_shape[1:])
    arrays = {}
    with tarfile.open(path) as archive:
        for split, names in parts.items():
            members = [archive.extractfile(f"cifar-10-batches-bin/{name}.bin") for name in names]
            content = b"".join(member.read() for member in members if member is not None)
            records = np.frombuffer(content, np.uint8).reshape(-1, record_bytes)
            arrays[f"y_{split}"] = records[:, 0]
            pixels = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            arrays[f"x_{split}"] = np.ascontiguousarray(pixels)
    return arrays


def _checked(
    name: str, published: _Published, arrays: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The four arrays, after checks of shape, dtype and range; a training set cut short is let through."""
    checked = []
    for split, shape in (("train", published.train_shape), ("test", published.test_shape)):
        images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"].reshape(-1)
        if images.dtype != np.uint8 or images.shape[1:] != shape[1:] or not 1 <= len(images) <= shape[0]:
            raise ValueError(
                f"x_{split} of {name} must be uint8 of shape {shape}, got {images.dtype} of {images.shape}"
            )
        if (
            labels.dtype.kind not in "iu"
            or len(labels) != len(images)
            or not np.all((labels >= 0) & (labels < 10))
        ):
            raise ValueError(
                f"y_{split} of {name} must be {len(images)} integers from 0 to 9, "
                f"got {labels.dtype} of {labels.shape}"
            )
        if int(images.max()) > published.white:
            raise ValueError(f"x_{split} of {name} must lie in 0 to {published.white}, got {images.max()}")
        checked += [images, labels.astype(np.int32)]
    return checked[0], checked[1], checked[2], checked[3]


_SETS = {
    "mnist": _Published(
        (60_000, 28, 28),
        (10_000, 28, 28),
        (0.1307,),
        (0.3081,),
        file="mnist.npz",
        sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        mirrors=(
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
            "https://s3.amazonaws.com/img-datasets/mnist.npz",
        ),
        read=_read_npz,
    ),
    # The binary edition, because the one for Python consists of pickles.
    "cifar10": _Published(
        (50_000, 32, 32, 3),
        (10_000, 32, 32, 3),
        (0.4914, 0.4822, 0.4465),
        (0.2470, 0.2435, 0.2616),
        file="cifar-10-binary.tar.gz",
        sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        mirrors=(
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz",
        ),
        read=_read_cifar10,
    ),
    "digits": _Published((1_297, 8, 8), (500, 8, 8), (0.3053,), (0.3761,), white=16),
}
