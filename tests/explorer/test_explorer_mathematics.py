"""The mathematics of the explorer's pages, in Node, against the package."""

import jax
import numpy as np
import pytest
from scipy.stats import chi2, norm

import ratedist as rd
from tests.explorer.scripts import in_node, needs_node

pytestmark = needs_node
BITS = np.log(2)


def test_coin_is_the_formula_and_its_channel_attains_it() -> None:
    settings = [(p, D) for p in (0.1, 0.3, 0.5, 0.9) for D in (0.0, 0.02, 0.09, 0.2, 0.5)]
    found = in_node(
        "return given.map(([p, D]) => [Explorer.coin.rate(p, D), Explorer.coin.information(p, D)])", settings
    )
    expected = [float(rd.theory.bernoulli_rate(p, D)) / BITS for p, D in settings]
    np.testing.assert_allclose(np.array(found), np.column_stack([expected, expected]), atol=1e-13)


def test_tosses_and_reports_are_of_the_channel() -> None:
    settings, count = [(0.5, 0.11), (0.2, 0.1), (0.7, 0.25), (0.1, 0.3)], 20_000
    body = """return given.settings.map(([p, D]) => {
        const strip = Explorer.coin.tosses(p, D, 7, given.count);
        const mean = (choose) => strip.filter(choose).length / given.count;
        return [({ toss }) => toss, ({ toss, report }) => toss !== report, ({ report }) => report].map(mean);
    })"""
    found = in_node(body, {"settings": settings, "count": count})
    for (p, D), means in zip(settings, found, strict=True):
        D = min(D, p, 1 - p)
        heads = (p - D) / (1 - 2 * D)
        for mean, expected in zip(means, (p, D, heads), strict=True):
            assert abs(mean - expected) <= 4 * np.sqrt(expected * (1 - expected) / count)


def test_water_is_that_of_the_package() -> None:
    settings = [(level, step) for level in (-25.0, -14.0, -9.0, -1.0) for step in (0.0, 0.5, 2.0, 2.5, 4.0)]
    body = """return given.map(([level, step]) => {
        const { fill, variances } = Explorer.water;
        const { distortion, rate, described } = fill(variances(step), 10 ** (level / 10));
        return [distortion, rate, described];
    })"""
    for (level, step), (distortion, rate, described) in zip(settings, in_node(body, settings), strict=True):
        variances = 10 ** (-step * np.arange(8) / 10)
        water = rd.theory.reverse_water_filling(variances, 10 ** (level / 10))
        assert distortion == pytest.approx(float(water.distortion), rel=1e-12)
        assert rate * BITS == pytest.approx(float(water.rate), abs=1e-12)
        assert described == int(np.sum(variances > 10 ** (level / 10)))


def test_random_numbers_have_their_laws() -> None:
    count = 20_000
    body = """const uniform = Explorer.random.uniforms(3, 5), normal = Explorer.random.normals(uniform);
    const draw = (next) => Array.from({ length: given }, next);
    const { chiSquare } = Explorer.random;
    return [uniform, normal, ...[2, 6, 31].map((k) => () => chiSquare(k, uniform, normal))].map(draw)"""
    laws = [lambda x: x, norm.cdf, *(chi2(k).cdf for k in (2, 6, 31))]
    for drawn, law in zip(in_node(body, count), laws, strict=True):
        uniform = np.sort(law(np.array(drawn)))
        # Kolmogorov's statistic; beyond 2.5/√n with probability 7e-6.
        assert np.abs(uniform - (np.arange(count) + 0.5) / count).max() < 2.5 / np.sqrt(count)


def test_normal_distribution_to_the_last_digits() -> None:
    points = [-30.0, -8.0, -3.0, -2.9, -0.1, 0.0, 0.5, 2.999, 3.0, 5.0]
    found = in_node(
        "return given.map((x) => [Explorer.normal.distribution(x), Explorer.normal.mass(x, x + 0.3)])", points
    )
    for x, (below, mass) in zip(points, found, strict=True):
        assert below == pytest.approx(norm.cdf(x), rel=1e-12)
        exact = norm.sf(x) - norm.sf(x + 0.3) if x > 0 else norm.cdf(x + 0.3) - norm.cdf(x)
        assert mass == pytest.approx(exact, rel=1e-9)


def test_clusters_are_optimal() -> None:
    rng = np.random.default_rng(0)
    values = np.sort(rng.standard_normal((4, 50)), axis=1)
    values[3] = np.sort(np.repeat([-1.0, 0.0, 1.0, 1.0, 2.0], 10))  # ties
    body = (
        """return given.map((values) => Explorer.clusters.optimalClusters(Float64Array.from(values), 16))"""
    )
    for row, all_ends in zip(values, in_node(body, values.tolist()), strict=True):
        for K, ends in enumerate(all_ends, 1):
            assert len(ends) == K
            parts = np.split(row, ends[:-1])
            cost = sum(np.sum((part - part.mean()) ** 2) for part in parts)
            if len(np.unique(row)) >= K:
                assert cost == pytest.approx(rd.kmeans(row, K, method="optimal").objective, abs=1e-12)


def test_two_clusters_against_simulation() -> None:
    """Fifteen settings: four risks each within four standard errors of the difference."""
    clusters = (1, 2, 3, 6, 16)
    settings = [("levels", 2.0, 80), ("levels", 0.4, 150), ("gaussian", 2.0, 80)]
    fits, trials = 1000, 2000
    body = """return given.settings.map(([truth, separation, n]) => ({
        weights: Array.from(Explorer.clusters.trueWeights(truth, separation)),
        rows: Explorer.clusters.average(truth, separation, n, 11, given.fits).rows,
    }))"""
    for (_, _, n), found in zip(settings, in_node(body, {"settings": settings, "fits": fits}), strict=True):
        model = rd.GaussianLinearModel(n=n, w_star=np.array(found["weights"]))
        compressors = {f"{K}": rd.KMeans(num_clusters=K) for K in clusters}
        result = rd.simulate(model, compressors, num_trials=trials, key=jax.random.key(0))
        for K in clusters:
            row, risks = found["rows"][K - 1], result[f"{K}"]
            ratio = np.sqrt(1 + trials / fits)
            assert abs(row["population"] - risks.population_risk.mean) <= 4 * np.hypot(
                row["error"], risks.population_risk.sem
            )
            assert row["error"] < 0.05
            assert abs(row["distortion"] - risks.distortion.mean) <= 4 * ratio * risks.distortion.sem + 1e-12
            generalization = risks.generalization_error
            assert abs(row["generalization"] - generalization.mean) <= 4 * ratio * generalization.sem + 1e-12
            bits = risks.rates["assignment_entropy"]
            # One split in thousands is not even where all others are: of it a standard error knows nothing.
            assert abs(row["bits"] - bits.mean / BITS) <= 4 * ratio * bits.sem / BITS + 1e-3


def test_closed_forms_of_the_linear_model() -> None:
    samples, bits = (55, 80, 120, 1000), [0.0, 1.0, 20.0, 30.0, 100.0, 200.0]
    body = """const { curve, uncompressed } = Explorer.clusters;
    return given.samples.map((n) => [uncompressed(n), given.bits.map((one) => curve(n, one))])"""
    for n, (fitted, curve) in zip(samples, in_node(body, {"samples": samples, "bits": bits}), strict=True):
        model = rd.GaussianLinearModel(n=n, w_star=rd.two_level_weights(50))
        for name, expected in (
            ("population", rd.theory.erm_population_risk(model)),
            ("training", rd.theory.erm_empirical_risk(model)),
            ("generalization", rd.theory.erm_generalization_error(model)),
        ):
            assert fitted[name] == pytest.approx(float(expected), rel=1e-14), n
        np.testing.assert_allclose(
            curve, rd.theory.distortion_rate_envelope(model, np.array(bits) * BITS), rtol=1e-9
        )


def test_from_which_distance_on_two_clusters_win() -> None:
    """What the exercise answers: at 80 samples, 0.33."""
    body = """return given.map((separation) =>
        Explorer.clusters.average('levels', separation, 80, 5, 1500, 2).rows.map((row) => row.population))"""
    closer, farther = in_node(body, [0.3, 0.36])
    assert closer[0] < closer[1] - 0.1
    assert farther[0] > farther[1] + 0.1
