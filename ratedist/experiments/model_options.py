"""True weights w* and input covariances Σ as options of an experiment: a name, a .npy file, or an array."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, ar1_covariance
from ratedist.linear_model.weights import gaussian_weights, sparse_weights, two_level_weights

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    # On the command line a name or a file, in Python an array too.
    WeightsOption = str | ArrayLike
    CovarianceOption = str | ArrayLike
else:
    WeightsOption = CovarianceOption = str

# On the command line it is ``--trials``.
NumTrials = Annotated[int, tyro.conf.arg(name="trials")]
# Trials of a run that ends by its standard errors, unless it is told otherwise.
MAX_TRIALS = 10_000_000

DEFAULT_D = 50
NAMED_WEIGHTS = ("two-level", "gaussian", "sparse")
SHOWN_NUMBERS = 1000
# Numbers a weight that no simulated figure does without: those of a trial with fourteen compressors.
NUMBERS_PER_WEIGHT = 100
# Below, and above its inverse, squares of weights have ratios beyond the range of floating-point numbers.
LEAST_WEIGHT = 1e-50
# Square matrices: an input covariance, its mirror image and its factor.
NUM_MATRICES = 3


def linear_model(
    w_star: WeightsOption,
    covariance: CovarianceOption,
    d: int | None,
    n: int,
    noise_variance: float,
    seed: int,
) -> GaussianLinearModel:
    """The linear model that an experiment's options describe.

    Args:
        w_star: "two-level", "gaussian", "sparse", the path of a .npy file, or an array of shape ``(d,)``.
        covariance: "identity", "ar1:RHO", the path of a .npy file, or an array of shape ``()``, ``(d,)`` or
            ``(d, d)``.
        d: number of weights; ``None`` for as many as ``w_star`` or ``covariance`` has, 50 if neither says.
        n: number of training samples.
        noise_variance: σ².
        seed: of "gaussian" and "sparse".

    Raises:
        ValueError: an unknown name, a file that cannot be read or holds something else, shapes that disagree
            with each other or with ``d``, more weights than fit in memory, and as ``GaussianLinearModel``.
    """
    sigma = _given_covariance(covariance)
    weights = _given_weights(w_star)
    if weights is None:
        if d is None:
            d = len(sigma) if isinstance(sigma, np.ndarray) and sigma.ndim else DEFAULT_D
        _checks.integer("d", d, 1)
        _checks.fits_in_memory(f"a trial at d = {d}", 8 * NUMBERS_PER_WEIGHT * d)
        weights = _named_weights(str(w_star), d, seed)
    elif d is not None and weights.shape != (d,):
        raise ValueError(f"w_star must have shape ({d},) for d = {d}, got {weights.shape}: leave d out")
    if isinstance(sigma, float):
        size = weights.size
        _checks.fits_in_memory(f"an input covariance at d = {size}", 8 * NUM_MATRICES * size**2)
        sigma = ar1_covariance(weights.size, sigma)
    return GaussianLinearModel(n, weights, noise_variance, sigma)


def matrix_weights(option: WeightsOption) -> np.ndarray | None:
    """True weights of two dimensions, or ``None`` for a name and for a vector.

    Raises:
        ValueError: a file that cannot be read or holds something else, or more than two dimensions.
    """
    if isinstance(option, str) and not option.endswith(".npy"):
        return None
    weights = _given_weights(option)
    if weights is not None and weights.ndim > 2:
        raise ValueError(f"w_star must have shape (d,) or (o, d), got {weights.shape}")
    return weights if weights is not None and weights.ndim == 2 else None


def require_ordinary_weights(w_star: np.ndarray) -> None:
    """Raise ``ValueError`` for true weights, not all zero, whose squares leave the range of variances."""
    largest = float(np.max(np.abs(w_star)))
    if not LEAST_WEIGHT <= largest <= 1 / LEAST_WEIGHT:
        raise ValueError(
            f"w_star must have its largest weight from {LEAST_WEIGHT:g} to {1 / LEAST_WEIGHT:g}, "
            f"got {largest:g}"
        )


def input_files(*options: WeightsOption) -> list[str]:
    """The .npy files among options, which no result may replace."""
    return [str(one) for one in options if isinstance(one, str | pathlib.Path) and str(one).endswith(".npy")]


def option_name(option: WeightsOption, index: int = 0) -> str:
    """What an option is called in tables and titles: its name, its file without folder, or "array 1"."""
    if isinstance(option, str | pathlib.Path):
        return pathlib.PurePath(option).name
    # Arrays have no name: their place tells them apart.
    return f"array {index + 1}"


def setting(model: GaussianLinearModel, covariance: CovarianceOption) -> list[str]:
    """Sizes, noise and covariance in the words of a figure's head."""
    name = option_name(covariance)
    sigma = "Σ = I" if name == "identity" else f"Σ: {name}"
    return [f"d = {model.d}", f"n = {model.n}", f"σ² = {model.noise_variance:g}", sigma]


def check_trials(num_trials: int, target_sem: float | None, max_trials: int) -> None:
    """Raise ``ValueError``, in words, for numbers of trials that cannot be."""
    _checks.integer("num_trials", num_trials, 2)
    _checks.integer("max_trials", max_trials, 2 if target_sem is None else num_trials)
    if target_sem is not None:
        _checks.positive_number("target_sem", target_sem)


def trials_in_words(num_trials: int, target_sem: float | None, max_trials: int) -> str:
    """How many trials there are, or until when, and what the error bars are."""
    bars = "error bars of two standard errors"
    if target_sem is None:
        return f"{num_trials:,} trials, {bars}"
    return f"trials until no standard error of a risk is above {target_sem:g}, at most {max_trials:,}, {bars}"


def configuration_record(config: Any) -> dict[str, Any]:
    """The fields of a configuration for JSON; of arrays the numbers, or the shape where they are many."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, pathlib.Path):
        return str(value)
    if isinstance(value, np.ndarray):
        return value.tolist() if value.size <= SHOWN_NUMBERS else f"array of shape {value.shape}"
    return value


def _given_weights(option: WeightsOption) -> np.ndarray | None:
    """An array, or ``None`` for a name."""
    if not isinstance(option, str | pathlib.Path):
        return _checks.real_array("w_star", option)
    if option in NAMED_WEIGHTS:
        return None
    if str(option).endswith(".npy"):
        return _checks.real_array("w_star", _read_npy(option))
    raise ValueError(f"w_star must be one of {', '.join(NAMED_WEIGHTS)} or a .npy file, got {option!r}")


def _named_weights(name: str, d: int, seed: int) -> np.ndarray:
    if name == "two-level":
        return two_level_weights(d)
    return gaussian_weights(d, seed=seed) if name == "gaussian" else sparse_weights(d, seed=seed)


def _given_covariance(option: CovarianceOption) -> np.ndarray | float | None:
    """An array, the correlation of "ar1:RHO" as a float, or ``None`` for the identity."""
    if not isinstance(option, str | pathlib.Path):
        return _checks.real_array("covariance", option)
    if option == "identity":
        return None
    if str(option).endswith(".npy"):
        return _checks.real_array("covariance", _read_npy(option))
    kind, _, correlation = str(option).partition(":")
    reason = ""
    if kind == "ar1":
        with contextlib.suppress(ValueError):
            rho = float(correlation)
            try:
                ar1_covariance(1, rho)
            except ValueError as error:
                reason = f": {error}"
            else:
                return rho
    raise ValueError(
        f'covariance must be "identity", "ar1:RHO" with -1 < RHO < 1, or a .npy file, got {option!r}{reason}'
    )


def _read_npy(path: str | pathlib.Path) -> np.ndarray:
    """The array of a file, without anything that would have to be unpickled."""
    try:
        with open(path, "rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, EOFError, MemoryError) as error:
        reason = str(error).splitlines()[0] if "pickle" not in str(error) else "it holds Python objects"
        raise ValueError(f"{path} must be an array of numbers as numpy.save writes it: {reason}") from None
