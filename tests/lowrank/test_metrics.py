"""The named weightings: each is what its method's own formula gives, and information is a likelihood's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ratedist.lowrank import Metric, project

RNG = np.random.default_rng(0)
W = RNG.standard_normal((6, 9))


def truncated(matrix: np.ndarray, rank: int) -> np.ndarray:
    U, sizes, Vt = np.linalg.svd(matrix, full_matrices=False)
    return (U[:, :rank] * sizes[:rank]) @ Vt[:rank]


@settings(max_examples=settings().max_examples // 2)
@given(
    st.sampled_from([1, 4, 9, 40]),
    st.integers(0, 7),
    st.integers(0, 3),
    st.floats(0, 5),
    st.integers(0, 2**32 - 1),
)
def test_svd_llm_attains_what_the_outputs_allow(n, rank, num_dead, decades, seed):
    """‖WX − [WX]_r‖_F, for more and fewer samples than features, dead, correlated and scaled ones."""
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((9, 9)) @ rng.standard_normal((9, n))) * 10.0 ** rng.uniform(-decades, 0, (9, 1))
    X[:num_dead] = 0
    outputs = W @ X
    factors = project(W, rank, *Metric.svd_llm(X.T))
    attained = np.linalg.norm((W - factors.matrix()) @ X)
    least = np.linalg.norm(outputs - truncated(outputs, rank))
    assert attained == pytest.approx(least, rel=1e-10, abs=1e-10 * np.linalg.norm(outputs))
    assert np.sqrt(n * factors.distortion) == pytest.approx(
        least, rel=1e-10, abs=1e-7 * np.linalg.norm(outputs)
    )


@pytest.mark.parametrize("rank", range(7))
def test_each_is_the_formula_that_it_is_named_for(rank):
    X, fisher = RNG.standard_normal((50, 9)) @ RNG.standard_normal((9, 9)), RNG.exponential(size=(6, 9))
    D = np.diag(np.sqrt(fisher.sum(axis=1)))
    S = np.diag(np.sqrt(np.mean(np.abs(X), axis=0)))
    C = np.linalg.cholesky(X.T @ X)
    noise = np.cov(RNG.standard_normal((6, 20)))
    values, vectors = np.linalg.eigh(noise)
    G = (vectors * np.sqrt(values)) @ vectors.T
    expected = {
        "plain": (Metric.plain(), truncated(W, rank)),
        "FWSVD": (Metric.fwsvd(fisher), np.linalg.inv(D) @ truncated(D @ W, rank)),
        "ASVD": (Metric.asvd(X), truncated(W @ S, rank) @ np.linalg.inv(S)),
        "SVD-LLM": (Metric.svd_llm(X), truncated(W @ C, rank) @ np.linalg.inv(C)),
        "information": (
            Metric.information(noise, X.T @ X / 50),
            G @ truncated(np.linalg.inv(G) @ W @ C, rank) @ np.linalg.inv(C),
        ),
        "white noise": (Metric.information(0.3, X.T @ X / 50), truncated(W @ C, rank) @ np.linalg.inv(C)),
    }  # fmt: skip
    for name, (metric, matrix) in expected.items():
        np.testing.assert_allclose(project(W, rank, *metric).matrix(), matrix, atol=1e-9, err_msg=name)


def test_fwsvd_weighs_squared_errors_by_the_information_of_their_row():
    fisher, error = RNG.exponential(size=(6, 9)), RNG.standard_normal((6, 9))
    expected = np.sum(fisher.sum(axis=1) * np.sum(error**2, axis=1))
    assert Metric.fwsvd(fisher).distortion(W, W - error) == pytest.approx(expected, rel=1e-12)


def regression(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs (d, n), outputs (o, n), the covariance of the noise and least squares, o = 4, d = 5, n = 30."""
    rng = np.random.default_rng(seed)
    X = np.linalg.cholesky(0.9 ** np.abs(np.subtract.outer(np.arange(5), np.arange(5)))) @ rng.normal(
        size=(5, 30)
    )
    root = rng.normal(size=(4, 4)) + 2 * np.eye(4)
    Y = rng.normal(size=(4, 2)) @ rng.normal(size=(2, 5)) @ X + root @ rng.normal(size=(4, 30))
    return X, Y, root @ root.T, np.linalg.lstsq(X.T, Y.T)[0].T


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_information_projection_is_the_maximum_likelihood_estimate(rank):
    """The likelihood of the data, maximised over both factors by a search that never sees least squares."""
    X, Y, noise, least_squares = regression(rank)
    precision = np.linalg.inv(noise)

    def minus_log_likelihood(entries: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = entries[: 4 * rank].reshape(4, rank), entries[4 * rank :].reshape(rank, 5)
        residual = Y - a @ b @ X
        slope = -precision @ residual @ X.T
        value = np.sum(residual * (precision @ residual)) / 2
        return value, np.concatenate([(slope @ b.T).ravel(), (a.T @ slope).ravel()])

    rng = np.random.default_rng(0)
    starts = [rng.normal(size=9 * rank) for _ in range(10)]
    found = min(
        (
            minimize(minus_log_likelihood, start, jac=True, tol=1e-14, options={"maxiter": 5000})
            for start in starts
        ),
        key=lambda result: result.fun,
    )
    estimate = found.x[: 4 * rank].reshape(4, rank) @ found.x[4 * rank :].reshape(rank, 5)
    factors = project(least_squares, rank, *Metric.information(noise, X @ X.T / 30))
    np.testing.assert_allclose(factors.matrix(), estimate, atol=1e-4)
    # In nats: what the rank costs of the log-likelihood is n/2 of the distortion.
    full = np.sum((Y - least_squares @ X) * (precision @ (Y - least_squares @ X))) / 2
    assert found.fun - full == pytest.approx(15 * factors.distortion, rel=1e-6)


@pytest.mark.parametrize("rank", range(5))
def test_the_information_projection_is_reduced_rank_regression(rank):
    """The textbook's form, from eigenvectors of moments of the data (Reinsel & Velu 1998, theorem 2.2)."""
    X, Y, noise, least_squares = regression(7)
    values, vectors = np.linalg.eigh(noise)
    root, inverse = ((vectors * values**power) @ vectors.T for power in (0.5, -0.5))
    moment = inverse @ Y @ X.T @ np.linalg.inv(X @ X.T) @ X @ Y.T @ inverse
    leading = np.linalg.eigh(moment)[1][:, 4 - rank :]
    expected = root @ leading @ leading.T @ inverse @ Y @ X.T @ np.linalg.inv(X @ X.T)
    found = project(least_squares, rank, *Metric.information(noise, X @ X.T / 30)).matrix()
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_half_the_information_distortion_is_a_mean_divergence():
    X, _, noise, least_squares = regression(3)
    other = least_squares + RNG.standard_normal((4, 5))
    metric = Metric.information(noise, X @ X.T / 30)
    # KL between Gaussians of one covariance, from the general formula, at each input.
    precision = np.linalg.inv(noise)
    shift = (least_squares - other) @ X
    trace, logdet = np.trace(precision @ noise), np.linalg.slogdet(precision @ noise)[1]
    divergences = (trace - 4 - logdet + np.einsum("in,ij,jn->n", shift, precision, shift)) / 2
    assert metric.distortion(least_squares, other) / 2 == pytest.approx(np.mean(divergences), rel=1e-10)


def test_kronecker_factors_are_the_fisher_information_of_independent_gradients():
    """Mean squared derivatives along an error, with gradients independent of inputs: all pairs of them."""
    X, g = RNG.standard_normal((7, 9)), RNG.standard_normal((5, 6))
    metric = Metric.kronecker(X, g, damping=0.0)
    error = RNG.standard_normal((6, 9))
    # E (gᵀEx)² over all pairs of a gradient and an input.
    expected = np.mean((g @ error @ X.T) ** 2)
    assert metric.distortion(W, W - error) == pytest.approx(expected, rel=1e-12)
    damped = Metric.kronecker(X, g, damping=0.1)
    for one, plain in zip(damped, metric, strict=True):
        assert one is not None
        assert plain is not None
        np.testing.assert_allclose(
            np.linalg.eigvalsh(one)[0], 0.1 * np.mean(np.linalg.eigvalsh(plain)), rtol=1e-9
        )


def test_damping_bounds_what_neither_side_sees():
    matrix = np.array([[1e-9, 1.0], [1.0, 1.0]])
    X = g = np.array([[1.0, 0.0]])
    assert np.abs(project(matrix, 1, *Metric.kronecker(X, g, damping=0.0)).matrix()).max() > 1e8
    # 22, by hand: the product of two weights seen as √(5 · 10⁻⁴), over as much.
    assert np.abs(project(matrix, 1, *Metric.kronecker(X, g)).matrix()).max() < 30


def test_means_of_many_samples_are_taken_in_parts():
    X = RNG.standard_normal((10_000, 3)).astype(np.float32)
    double = X.astype(float)
    np.testing.assert_allclose(Metric.svd_llm(X).right, double.T @ double / 10_000, rtol=1e-12)
    np.testing.assert_allclose(Metric.asvd(X).right, np.mean(np.abs(X.astype(float)), axis=0), rtol=1e-12)


@pytest.mark.parametrize(
    ("builder", "arguments", "words"),
    [
        ("svd_llm", ([1.0, 2.0],), r"activations must have two axes, one row a sample, got shape \(2,\)"),
        ("svd_llm", ([[1.0, np.nan]],), "activations must be finite"),
        ("svd_llm", ([[1e200, 1.0]],), "activations must be of another scale"),
        ("asvd", (np.zeros((0, 3)),), "activations must have two axes"),
        ("fwsvd", ([[1.0, -1.0]],), r"fisher must lie in \[0, .*got -1.0"),
        ("fwsvd", ([1.0],), r"fisher must have the shape \(o, d\)"),
        (
            "information",
            (0.0, None),
            "noise_covariance must be positive definite, it has a direction without",
        ),
        ("information", ([1.0, 0.0], None), "noise_covariance must be positive definite"),
        ("information", (np.ones((2, 2)), None), "noise_covariance must be positive definite"),
        ("information", (1e-320, None), "noise_covariance must be of another scale"),
        ("information", ([], None), "noise_covariance must have at least one output"),
        ("fwsvd", (np.full((2, 2), 1e308),), "fisher must be of another scale"),
        ("asvd", (np.full((2, 2), 1e308),), "activations must be of another scale"),
        ("asvd", ([[1.0, True]],), "activations must be real numbers"),
        ("svd_llm", (np.ma.array([[1.0, 2.0]], mask=[[0, 1]]),), "activations must have no masked entries"),
        ("kronecker", ([[2.0]], [[1.0]], 1e308), "damping must be of another scale"),
        ("kronecker", ([[1.0]], [[1.0]], -1.0), r"damping must lie in \[0"),
        ("kronecker", ([[1.0]], [1.0]), r"gradients must have two axes"),
    ],
)
def test_bad_input_is_refused_in_words(builder, arguments, words):
    with pytest.raises(ValueError, match=words):
        getattr(Metric, builder)(*arguments)


def test_distortion_refuses_shapes_that_disagree():
    with pytest.raises(ValueError, match=r"one shape \(o, d\), got \(6, 9\), \(9, 6\)"):
        Metric.plain().distortion(W, W.T)


@pytest.mark.parametrize("size", [1.5e308, 1e200])
def test_a_distortion_beyond_floats_is_refused(size):
    with pytest.raises(ValueError, match="must be smaller, for a distortion in float64"):
        Metric.plain().distortion([[size]], [[-size]])


@pytest.mark.parametrize(("size", "metric"), [(1e200, 1e-300), (1e-200, 1e300), (1e-160, 1.0)])
def test_a_distortion_that_floats_hold_though_not_its_parts(size, metric):
    assert Metric(right=metric).distortion([[size]], [[0.0]]) == pytest.approx(size * metric * size, rel=1e-4)
