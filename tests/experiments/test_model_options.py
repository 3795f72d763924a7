"""A model of one's own: w* and Σ as a name, a .npy file or an array, in Python and from the commands."""

import dataclasses
import inspect
import json
import pathlib
import re
import types

import jax
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ratedist.cli import main
from ratedist.experiments import diameter, figure2, two_clusters
from ratedist.experiments.diameter_config import DiameterConfig
from ratedist.experiments.figure2 import Figure2Config
from ratedist.experiments.model_options import linear_model
from ratedist.experiments.rate_distortion import RateDistortionConfig
from ratedist.experiments.two_clusters import TwoClustersConfig
from ratedist.theory import erm_population_risk

W_STAR = np.array([3.0, -1.0, 3.0, -1.0, 0.5, 3.0])
SIGMA = np.diag([1.0, 2.0, 1.0, 4.0, 1.0, 1.0]) + 0.25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("model")
    np.save(folder / "w.npy", W_STAR)
    np.save(folder / "sigma.npy", SIGMA)
    return folder


def test_file_and_array_are_one_model(folder: pathlib.Path) -> None:
    by_file = Figure2Config(n=12, w_star=str(folder / "w.npy"), covariance=str(folder / "sigma.npy")).model()
    by_array = Figure2Config(n=12, w_star=W_STAR, covariance=SIGMA).model()
    for model in (by_file, by_array):
        np.testing.assert_array_equal(model.w_star, W_STAR)
        np.testing.assert_array_equal(model.covariance, SIGMA)
    np.testing.assert_array_equal(Figure2Config(n=12, w_star=[1, 2, 3]).model().w_star, [1.0, 2.0, 3.0])


def test_the_number_of_weights_follows() -> None:
    assert linear_model("two-level", "identity", None, 80, 1.0, 0).d == 50
    assert linear_model("sparse", np.ones(7), None, 80, 1.0, 0).d == 7
    assert linear_model("gaussian", "ar1:0.5", 4, 80, 1.0, 0).covariance.shape == (4, 4)  # pyright: ignore
    assert linear_model(W_STAR, "ar1:0.5", None, 80, 1.0, 0).covariance.shape == (6, 6)  # pyright: ignore


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w_star": "ones"}, "w_star must be one of two-level, gaussian, sparse or a .npy file, got 'ones'"),
        ({"w_star": W_STAR, "d": 50}, r"w_star must have shape \(50,\) for d = 50, got \(6,\)"),
        ({"w_star": [1.0, np.nan]}, "w_star must be finite"),
        ({"w_star": ["1", "2"]}, "w_star must be real numbers"),
        ({"w_star": SIGMA}, r"w_star must have shape \(d,\)"),
        ({"w_star": "missing.npy"}, "cannot read missing.npy: No such file"),
        ({"covariance": "missing.npy"}, "cannot read missing.npy: No such file"),
        ({"w_star": W_STAR, "covariance": np.eye(5)}, r"covariance must be a number or have shape \(6,\)"),
        ({"covariance": "toeplitz"}, 'covariance must be "identity", "ar1:RHO"'),
        ({"covariance": "ar1"}, "or a .npy file, got 'ar1'$"),
        ({"covariance": "ar1:half"}, "or a .npy file, got 'ar1:half'$"),
        ({"covariance": "ar1:nan"}, "or a .npy file, got 'ar1:nan': correlation must"),
    ],
)
def test_refused_in_words(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(Figure2Config(), **change).check()


def test_files_of_something_else(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "w.npy"
    for content in (b"", b"1 2 3", b"\x93NUMPY\x01\x00\x10\x00torn"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"must be an array of numbers as numpy.save writes it"):
            linear_model(str(path), "identity", None, 80, 1.0, 0)
    np.save(path, np.array([object()]), allow_pickle=True)
    with pytest.raises(ValueError, match="it holds Python objects"):
        linear_model(str(path), "identity", None, 80, 1.0, 0)


def test_figure2_of_ones_own_model_from_the_command(
    folder: pathlib.Path, tmp_path: pathlib.Path, monkeypatch
):
    monkeypatch.setattr("ratedist.plotting.figure2.draw_figure2", lambda *_: Figure())  # other tests draw
    arguments = ["--w-star", f"{folder}/w.npy", "--covariance", f"{folder}/sigma.npy", "--n", "12"]
    small = ["--trials", "256", "--max-clusters", "2", "--out", str(tmp_path)]
    assert main(["figure2", *arguments, *small]) == 0
    record = json.loads((tmp_path / "figure2.json").read_text())
    assert record["w_star"] == W_STAR.tolist()
    assert record["configuration"]["d"] == 6
    model = Figure2Config(n=12, w_star=W_STAR, covariance=SIGMA).model()
    erm = pd.read_csv(tmp_path / "figure2.csv").query("algorithm == 'erm'")["population_risk"].item()
    assert erm == pytest.approx(erm_population_risk(model))
    table = figure2.run(
        Figure2Config(n=12, w_star=W_STAR, covariance=SIGMA, num_trials=256, max_clusters=2, seed=0)
    )
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "figure2.csv")[["population_risk"]], table.frame[["population_risk"]]
    )
    json.loads(table.json())


@pytest.mark.slow
def test_the_best_penalty_is_chosen_on_trials_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second runner, of another key, names the best β even where the table's own trials disagree."""
    from ratedist.experiments.diameter_findings import Point
    from ratedist.simulation import runner

    simulate, results = runner.simulate, []

    def watched(*arguments, **options):
        results.append((arguments[3], simulate(*arguments, **options)))
        return results[-1][1]

    monkeypatch.setattr(runner, "simulate", watched)
    config = DiameterConfig(
        n=12, w_star=(W_STAR, "two-level"), d=6, clusters=(2,), diameter_penalties=(0.1, 0.2, 0.3),
        num_trials=30, certified_trials=0,
    )  # fmt: skip
    record = diameter.run(config).record
    json.loads(json.dumps(record))
    disagreements = 0
    for index, found in enumerate(record["findings"].values()):
        (key, reported), (choosing_key, choosing) = results[2 * index : 2 * index + 2]
        assert jax.random.key_data(key).tolist() != jax.random.key_data(choosing_key).tolist()
        for algorithm in ("diameter_regularized", "shrunken"):
            risks = {
                beta: [
                    one[Point(algorithm, 2, beta).name].population_risk.mean for one in (choosing, reported)
                ]
                for beta in config.diameter_penalties
            }
            best, own = (min(risks, key=lambda beta, which=which: risks[beta][which]) for which in (0, 1))
            assert found[algorithm]["diameter_penalty"] == best
            assert found[algorithm]["population_risk"] == risks[best][1]
            disagreements += best != own
    assert list(record["findings"]) == ["array 1", "two-level"]
    assert disagreements, "the two sets of trials name the same β everywhere: nothing was tested"


@pytest.mark.parametrize("config", [Figure2Config, DiameterConfig, TwoClustersConfig])
def test_a_class_describes_its_fields(config: type) -> None:
    """One text for Python's help and the command's."""
    described = re.findall(r"^    (\w+): \S", inspect.cleandoc(config.__doc__ or ""), re.MULTILINE)
    assert described == [field.name for field in dataclasses.fields(config)]


@pytest.mark.parametrize("module", [figure2, diameter, two_clusters])
def test_a_run_says_in_which_precision_it_computes(module: types.ModuleType) -> None:
    assert 'jax.config.update("jax_enable_x64", True)' in module.run.__doc__


@pytest.mark.parametrize(
    ("covariance", "d", "match"),
    [
        ("identity", 10**12, "a trial at d = 1000000000000 needs"),
        ("ar1:0.5", 10**6, "covariance at d = 1000000"),
    ],
)
def test_memory_is_asked_for_before_anything_is_allocated(monkeypatch, covariance, d, match) -> None:
    asked = []

    def refused(what, num_bytes):
        asked.append(num_bytes)
        if num_bytes > 2**40:
            raise ValueError(f"{what} needs too much")

    monkeypatch.setattr("ratedist._checks.fits_in_memory", refused)
    with pytest.raises(ValueError, match=match):
        linear_model("two-level", covariance, d, 2 * d, 1.0, 0)
    assert asked[-1] > 2**40


def test_the_exact_curve_asks_for_memory_first() -> None:
    config = RateDistortionConfig(d=10**13, n=(3 * 10**13,))
    with pytest.raises(ValueError, match=r"the linear model at d = 10000000000000 needs about .* GiB"):
        config.check()
