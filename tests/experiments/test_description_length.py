"""Description lengths by the command, their rows against closed forms and NumPy's own draws."""

import contextlib
import copy
import io
import json
import pathlib

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import integrate, stats

from ratedist.cli import main
from ratedist.cli.description_length import summary
from ratedist.experiments import description_length_points
from ratedist.experiments.description_length import COLUMNS, one_weight_rows
from ratedist.experiments.description_length_config import DescriptionLengthConfig
from ratedist.experiments.description_length_findings import sentence
from ratedist.plotting import description_length as pictures
from tests.cli.conftest import not_rendered, unsettled

D, N = 6, 12
DRAWN: list[Figure] = []
W_STAR = np.where(np.arange(D) % 2 == 0, 1.0, -1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """What the command writes, with few weights and trials."""
    place = tmp_path_factory.mktemp("description-length")
    small = ["--d", str(D), "--n", str(N), "--trials", "256", "--max-clusters", "2", "--scales", "1.0", "0.3"]
    with contextlib.redirect_stdout(io.StringIO()) as said, pytest.MonkeyPatch.context() as patch:
        # Each has as many levels as it needs, and so a program of its own.
        patch.setattr(description_length_points, "MULTIPLIERS", (0.3, 0.02))
        # Those that are simulated are among them.
        patch.setattr(description_length_points, "PENALTIES", description_length_points.PENALTIES[1::3])
        patch.setattr("ratedist.cli.figure_files.drawn", not_rendered)
        unsettled(patch, "description_length")
        draw = pictures.draw_description_length
        patch.setattr(pictures, "draw_description_length", lambda *of: DRAWN.append(draw(*of)) or DRAWN[-1])
        assert main(["description-length", *small, "--out", str(place)]) == 0
    plt.close("all")
    assert "bits back is 0.25" in said.getvalue()
    return place


@pytest.fixture(scope="module")
def frame(folder: pathlib.Path) -> pd.DataFrame:
    return pd.read_csv(folder / "description-length.csv")


@pytest.fixture(scope="module")
def record(folder: pathlib.Path) -> dict:
    return json.loads((folder / "description-length.json").read_text())


def of(frame: pd.DataFrame, algorithm: str, scale: float = 1.0) -> pd.DataFrame:
    return frame[(frame["algorithm"] == algorithm) & (frame["scale"] == scale)]


def test_four_files_and_their_numbers(folder: pathlib.Path, frame: pd.DataFrame, record: dict) -> None:
    assert sorted(path.suffix for path in folder.iterdir()) == [".csv", ".json", ".pdf", ".png"]
    assert tuple(frame.columns) == COLUMNS
    assert record["precision"] == "float64"
    risks = frame[frame["algorithm"] != "one_weight"]
    assert set(record["algorithms"]) <= set(risks["algorithm"])
    assert set(risks["rate_name"].dropna()) == set(record["rates"])
    assert np.isfinite(risks["population_risk"]).all()
    assert (risks["population_risk"] >= 1).all()
    assert (risks["rate_bits"].dropna() >= -1e-9).all()
    simulated = risks[risks["num_trials"].notna()]
    assert (simulated["num_trials"] == 256).all()
    assert simulated[["population_risk_sem", "minus_erm_sem"]].notna().all(axis=None)


def test_one_weight_by_integrals() -> None:
    """The mean over where the grid lies, with SciPy's normal law; and least at √12 s."""
    rows, values = one_weight_rows(0.1)
    assert values["refund_bits"] == pytest.approx(0.5 * np.log2(2 * np.pi * np.e / 12), abs=2e-4)
    assert values["bits_back_bits"] == pytest.approx((np.log(10) + 1.01 / 2) / np.log(2), rel=1e-12)
    steps = np.array([row["step"] for row in rows])
    totals = np.array([row["total_bits"] for row in rows])
    assert steps[np.argmin(totals)] == pytest.approx(values["best_step"], rel=0.05)
    assert values["best_step"] == pytest.approx(np.sqrt(12) * 0.1)
    for row in rows[::30]:
        step = row["step"]

        def length(e: float, step: float = step) -> float:
            high, low = 1 + e + step / 2, 1 + e - step / 2
            return -np.log2(stats.norm.sf(low) - stats.norm.sf(high)) / step

        weight = integrate.quad(length, -step / 2, step / 2, epsabs=1e-11)[0]
        data = integrate.quad(lambda e, s=step: e**2 / (2 * 0.01) / s, -step / 2, step / 2)[0] / np.log(2)
        assert row["weight_bits"] == pytest.approx(weight, abs=1e-8)
        assert row["data_bits"] == pytest.approx(data, rel=1e-9)
        assert row["total_bits"] == row["weight_bits"] + row["data_bits"]


@pytest.fixture(scope="module")
def ridge() -> dict[str, np.ndarray]:
    """Ridge with λ = 1 on data sets that NumPy draws: loss of a sample, net cost, and its norm's part."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, N, D))
    gram = np.swapaxes(X, 1, 2) @ X
    inverse = np.linalg.inv(gram + np.eye(D))
    Y = X @ W_STAR + rng.normal(size=(4000, N))
    mean = (inverse @ np.swapaxes(X, 1, 2) @ Y[..., None])[..., 0]
    sample = mean + (np.linalg.cholesky(inverse) @ rng.normal(size=(4000, D, 1)))[..., 0]
    norm = np.sum(mean**2, axis=1) / 2 / np.log(2)
    traces = np.trace(inverse, axis1=1, axis2=2) - D - np.linalg.slogdet(inverse)[1]
    return {
        "sample_population_risk": 1 + np.sum((sample - W_STAR) ** 2, axis=1),
        "population_risk": 1 + np.sum((mean - W_STAR) ** 2, axis=1),
        "squared_norm_bits": norm,
        "bits_back": norm + traces / 2 / np.log(2),
    }


def test_ridge_is_that_of_fitted_data(record: dict, ridge: dict[str, np.ndarray]) -> None:
    ours = record["findings"][0]["ridge"]
    assert ours["penalty"] == pytest.approx(1.0)
    for name, values in ridge.items():
        sem = values.std(ddof=1) / len(values) ** 0.5
        assert sem < 0.03 * values.mean()
        assert abs(values.mean() - ours[name]) < 4 * sem, name


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_rounding_and_sampling_do_the_same_harm(frame: pd.DataFrame, scale: float) -> None:
    """At √12 s a dithered grid errs as much as a draw from the posterior does, at each penalty."""
    back = of(frame, "ridge_bits_back", scale).set_index("parameter")["population_risk"]
    two = of(frame, "ridge_two_part", scale)
    assert len(two) > 3
    for row in two.itertuples():
        exact = back.iloc[np.argmin(np.abs(back.index.to_numpy() - row.parameter))]
        assert abs(row.population_risk - exact) < 4 * row.population_risk_sem


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_shrunk_and_rounded_weights_have_a_closed_form(frame: pd.DataFrame, scale: float) -> None:
    noise = D / (N - D - 1)
    factor = D * scale**2 / (D * scale**2 + noise)
    limit = of(frame, "remote_gaussian_limit", scale)
    for row in of(frame, "shrunk_uniform", scale).itertuples():
        exact = 1 + factor * noise + D * row.parameter**2 / 12
        assert abs(row.population_risk - exact) < 4 * row.population_risk_sem
        assert row.population_risk_sem < 0.1 * exact
        # The Gaussian limit: no code does better against the worst case that this is.
        assert exact > np.interp(row.rate_bits, limit["rate_bits"], limit["population_risk"])


def test_levels_kmeans_and_oracle(frame: pd.DataFrame) -> None:
    assert of(frame, "erm")["population_risk"].item() == pytest.approx(1 + D / (N - D - 1))
    kmeans = of(frame, "kmeans").set_index("parameter")
    assert kmeans.loc[1, "rate_bits"] == pytest.approx(0, abs=1e-9)
    assert (kmeans["rate_bits"] <= D * np.log2(kmeans.index) + 1e-9).all()
    coded = of(frame, "kmeans_coded")
    assert coded["rate_bits"].item() > kmeans.loc[2, "rate_bits"] + 2 * 16
    for row in of(frame, "oracle").itertuples():
        alpha = row.parameter
        exact = 1 + (1 - alpha) ** 2 * D / (N - D - 1) + alpha * (1 - alpha) * D / N
        assert row.population_risk == pytest.approx(exact, rel=1e-9)
    paired = of(frame, "kmeans")
    assert (paired["minus_erm_sem"] > 0).all()


def test_the_sentence_follows_the_numbers(record: dict) -> None:
    """In a world in which another one wins, it says so."""
    assert sentence(record["findings"]) == record["sentence"]
    assert record["sentence"] in summary(record)
    first = record["findings"][0]
    assert f"{first['one_bit'][0]['population_risk']:.2f}" in record["sentence"]
    other = copy.deepcopy(record["findings"])
    other[0]["one_bit"].reverse()
    other[0]["signal_to_noise"] = 1.0
    worst = first["one_bit"][-1]
    said = sentence(other)
    assert f"{worst['name']}" in said.split("has the least risk")[0]
    assert "often mistaken" in said


def test_the_picture_has_a_panel_for_each_scale(folder: pathlib.Path, record: dict) -> None:
    (figure,) = DRAWN
    assert [axes.get_title(loc="left")[:3] for axes in figure.axes] == ["(a)", "(b)", "(c)"]
    assert all("bits" in axes.get_xlabel() + axes.get_ylabel() for axes in figure.axes)
    for axes, one in zip(figure.axes[1:], record["findings"], strict=True):
        low, high = axes.get_ylim()
        assert low < one["best_kmeans"]["population_risk"] < high


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n": 51}, "n > d \\+ 1"),
        ({"scales": ()}, "at least one number"),
        ({"scales": (0.0,)}, "scales must be"),
        ({"scales": (1e-150,)}, "w_star times scales: w_star must have its largest weight from 1e-50"),
        ({"posterior_scale": 1.0}, "below 1"),
        ({"noise_variance": 0.0}, "noise_variance must be at least 1e-100"),
        ({"noise_variance": 5e-324}, "noise_variance must be at least 1e-100"),
        ({"w_star": np.zeros(8)}, "must not be all zero"),
        ({"max_clusters": 51}, "at most d = 50"),
        ({"d": 3}, "d must be at least 4"),
        ({"num_trials": 1}, "num_trials"),
    ],
)
def test_settings_without_a_figure_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DescriptionLengthConfig(**settings).check()


def test_every_named_prior_has_the_second_moment_of_its_weights() -> None:
    from ratedist.experiments.description_length_points import weights_prior

    for name in ("two-level", "gaussian", "sparse"):
        config = DescriptionLengthConfig(w_star=name, scales=(0.5,))
        (model,) = config.models()
        prior = weights_prior(config, model)
        assert prior is not None
        assert prior.second_moment == pytest.approx(np.mean(model.w_star**2))
    config = DescriptionLengthConfig(w_star=np.arange(1.0, 7.0))
    assert weights_prior(config, config.models()[0]) is None
