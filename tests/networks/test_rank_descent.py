"""Proximal gradient on networks: the objective on record never rises, and what it ends at is stationary."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.networks.losses import cross_entropy
from ratedist.networks.rank_descent import RankDescent, proximal_descent
from tests.networks.drawn import drawn

NETWORK = rd.networks.mlp(64, (24,), 10)
START = drawn(NETWORK)
PENALTIES = {
    "nuclear": rd.lowrank.NuclearNorm(3e-3),
    "rank": rd.lowrank.RankPenalty(2e-3),
    "schatten": rd.lowrank.SchattenPenalty(3e-3, 0.5),
    "firm": rd.lowrank.FirmPenalty(5e-3, 1.0),
    "fixed": rd.lowrank.FixedRank(4),
    "damped": rd.lowrank.DampedRank(4, 0.05),
}


@pytest.fixture(scope="module")
def samples():
    digits = rd.networks.load("digits")
    return digits.scaled(digits.train_images[:300]).reshape(-1, 64), digits.train_labels[:300]


def loss(parameters, samples):
    return cross_entropy(rd.networks.logits(NETWORK, parameters, samples[0]), samples[1]).mean()


exactly = jax.jit(loss)


def quadratic(parameters, target):
    return ((parameters["w"] - target) ** 2).sum() / 2


@pytest.mark.parametrize(
    "kind",
    [
        *("nuclear", "schatten", "fixed"),
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("rank", "firm", "damped")),
    ],
)
@pytest.mark.filterwarnings("ignore:no stationary point")
def test_the_recorded_objective_never_rises(samples, kind):
    """Recomputed here in float64, from the parameters after each iteration."""
    penalty, states = PENALTIES[kind], []
    found = None
    for _ in range(3):
        found = proximal_descent(
            loss, START, {"dense*.weight": penalty}, samples, num_iterations=8, resume=found
        )
        states.append(found)
    assert found is not None
    assert found.monotone
    assert len(found.objective) == 24
    assert np.all(np.diff(found.objective) <= 0)
    assert found.objective[-1] < found.rows[0].before - 0.5
    for state in states:
        model = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), state.parameters)
        value = float(exactly(model, samples))
        for name in ("dense1", "dense2"):
            s = np.linalg.svd(model[name]["weight"], compute_uv=False)
            kept = np.where(s > 1e-6 * s[0], s, 0.0)  # rounding to single precision
            np.testing.assert_allclose(state.singular_values[f"{name}.weight"], kept, atol=1e-5)
            value += penalty.value(kept)
        assert state.objective[-1] == pytest.approx(value, abs=1e-5)


def test_it_goes_on_as_if_it_had_not_stopped(samples):
    """With a rank that falls from step to step, which is infeasible each time that it changes."""

    def schedule(iteration):
        return rd.lowrank.FixedRank(max(4, 12 - 2 * iteration))

    options = {"penalties": {"dense1.weight": schedule}, "samples": samples, "tolerance": 0.0}
    with pytest.warns(UserWarning, match="give more num_iterations, or resume"):
        whole = proximal_descent(loss, START, num_iterations=6, **options)
    with pytest.warns(UserWarning, match="give more"):
        half = proximal_descent(loss, START, num_iterations=3, **options)
    seen = []
    with pytest.warns(UserWarning, match="give more"):
        both = proximal_descent(
            loss, START, num_iterations=3, resume=half, after_iteration=seen.append, **options
        )
    assert seen == [4, 5, 6]
    assert both.rows == whole.rows
    jax.tree.map(np.testing.assert_array_equal, both.parameters, whole.parameters)
    assert [row.ranks["dense1.weight"] for row in whole.rows] == [12, 10, 8, 6, 4, 4]
    assert whole.monotone
    assert np.any(np.diff(whole.objective) > 0)  # a lower rank may cost: not the step's doing


def test_it_ends_where_it_would_have_ended():
    """The tolerance is a part of the first gradient, that of the first call."""
    target, start = np.diag([30.0, 10.0]), {"w": np.ones((2, 2))}
    options = {
        "penalties": {"w": rd.lowrank.NuclearNorm(0.5)},
        "samples": target,
        "step": 0.1,
        "tolerance": 0.03,
    }
    whole = proximal_descent(quadratic, start, **options)
    with pytest.warns(UserWarning, match="give more"):
        part = proximal_descent(quadratic, start, num_iterations=2, **options)
    rest = proximal_descent(quadratic, start, resume=part, **options)
    assert rest.rows == whole.rows
    assert len(whole.rows) > 3
    assert rest.stopped == whole.stopped == "stationary"
    scale = np.linalg.norm(1 - target)
    assert rest.gradient_length == pytest.approx(scale)
    assert (
        whole.rows[-1].moved / whole.rows[-1].step
        <= 0.03 * scale
        < whole.rows[-2].moved / whole.rows[-2].step
    )


def test_the_end_is_stationary():
    """Of a smooth loss: for the nuclear norm −∇ = λUVᵀ on what is kept, and no longer than λ elsewhere."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(50, 6)), rng.normal(size=(50, 5))

    def squares(parameters, data):
        return ((jnp.tanh(data[0] @ parameters["w"]) - data[1]) ** 2).mean() + 0.05 * (
            parameters["b"] ** 2
        ).sum()

    start = {"w": rng.normal(size=(6, 5)), "b": np.ones(3)}
    lam = 0.05
    found = proximal_descent(
        squares, start, {"w": rd.lowrank.NuclearNorm(lam)}, (x, y), num_iterations=4000, tolerance=1e-5
    )
    assert (found.stopped, found.converged, found.monotone) == ("stationary", True, True)
    gradient = jax.device_get(jax.jit(jax.grad(squares))(found.parameters, (x, y)))
    assert np.abs(gradient["b"]).max() < 1e-4
    U, _, Vt = np.linalg.svd(found.parameters["w"])
    r = found.ranks["w"]
    assert 1 <= r <= 4
    G = -U.T @ gradient["w"] @ Vt.T
    np.testing.assert_allclose(G[:r, :r], lam * np.eye(r), atol=1e-4)
    np.testing.assert_allclose(G[:r, r:], 0, atol=1e-4)
    np.testing.assert_allclose(G[r:, :r], 0, atol=1e-4)
    assert np.linalg.norm(G[r:, r:], 2) <= lam + 1e-4


def test_a_step_that_is_too_long_is_found_out(monkeypatch):
    """Without backtracking the objective rises, and the record says so."""
    target = np.diag([3.0, 1.0])
    start = {"w": np.ones((2, 2))}
    penalties = {"w": rd.lowrank.NuclearNorm(0.5)}
    good = proximal_descent(quadratic, start, penalties, target, step=2.5, num_iterations=50)
    assert good.monotone
    monkeypatch.setattr("ratedist.networks.rank_descent._accepted", lambda row, new: True)
    with pytest.warns(UserWarning, match="give more"):
        wrong = proximal_descent(quadratic, start, penalties, target, step=2.5, num_iterations=3)
    assert isinstance(wrong, RankDescent)
    assert not wrong.monotone


def test_precision_ends_it_and_says_so():
    """A loss whose gradient is wrong: no step lowers it."""

    @jax.custom_jvp
    def crooked(w):
        return (w**2).sum()

    crooked.defjvp(lambda w, tangents: (crooked(w[0]), -2 * (w[0] * tangents[0]).sum()))
    start = {"w": np.ones((2, 2))}
    with pytest.warns(UserWarning, match="no step lowers the objective in this precision"):
        found = proximal_descent(lambda p, _: crooked(p["w"]), start, {"w": rd.lowrank.NuclearNorm(0.0)}, ())
    assert (found.stopped, found.converged) == ("precision", False)
    assert len(found.rows) < 5  # by the rounding of the singular values alone
    np.testing.assert_allclose(found.parameters["w"], start["w"], atol=1e-14)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_all_kinds_of_arrays_and_leaves(dtype, scale):
    """Zero matrices, a convolution, leaves that are not trained; everything that is chosen falls to zero."""
    start = {
        "w": jnp.full((3, 2), scale, dtype),
        "conv": jnp.full((3, 3, 2, 4), scale, dtype),
        "count": np.arange(3),
        "name": "a model",
        "activation": jnp.tanh,
    }

    def squares(parameters, _):
        total = (parameters["w"].astype("float32") ** 2).sum()
        return (total + (parameters["conv"].astype("float32") ** 2).sum()) / 2

    penalties = {"w": rd.lowrank.NuclearNorm(100.0), "con*": rd.lowrank.FixedRank(0)}
    found = proximal_descent(squares, start, penalties, ())
    assert found.ranks == {"w": 0, "conv": 0}
    assert found.parameters["conv"].shape == (3, 3, 2, 4)
    assert found.parameters["w"].dtype == dtype
    assert not np.any(np.asarray(found.parameters["w"], np.float64))
    assert found.parameters["name"] == "a model"
    np.testing.assert_array_equal(found.parameters["count"], [0, 1, 2])


@pytest.mark.parametrize(("form", "layout"), [("channels", "hwio"), ("spatial", "hwio"), ("spatial", "oihw")])
def test_kernels_are_matrices_in_two_ways(form, layout):
    """The nearest kernel of low rank, as the room of low rank has it."""
    target = np.random.default_rng(0).normal(size=(3, 3, 3, 3))
    found = proximal_descent(
        quadratic, {"w": target + 1}, {"w": rd.lowrank.FixedRank(2)}, target, form=form, layout=layout
    )
    matrix = rd.lowrank.kernel_matrix(target, form, layout)
    best = rd.lowrank.project(matrix, 2)
    assert found.objective[-1] == pytest.approx(best.distortion / 2)
    kernel = rd.lowrank.kernel_from_matrix(best.matrix(), (3, 3, 3, 3), form, layout)
    np.testing.assert_allclose(found.parameters["w"], kernel, atol=1e-6)


def test_a_first_step_of_any_size():
    """In single precision the first tries overflow."""
    target = np.float32([[3.0, 0.0], [0.0, 1.0]])
    start = {"w": np.float32([[1e3, 1.0], [1.0, 1.0]])}
    found = proximal_descent(
        quadratic, start, {"w": rd.lowrank.NuclearNorm(0.5)}, target, step=1e38, tolerance=1e-8
    )
    np.testing.assert_allclose(found.parameters["w"], [[2.5, 0.0], [0.0, 0.5]], atol=1e-3)
    assert found.monotone


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"form": "rows"}, "form must be one of channels, spatial"),
        ({"layout": "nchw"}, "layout must be the letters"),
        ({"penalties": {"v*": rd.lowrank.FixedRank(1)}}, "'v\\*' is like the name of no matrix; there are w"),
        (
            {"penalties": {"w": rd.lowrank.FixedRank(1), "*": rd.lowrank.FixedRank(2)}},
            "chosen by two patterns",
        ),
        ({"penalties": {"w": rd.lowrank.FixedRank}}, "must be a penalty such as"),
        ({"penalties": {"w": 0.1}}, "must be a penalty such as"),
        ({"penalties": {"w": lambda iteration: 0.1}}, "the penalty at iteration 0 must be a penalty"),
        ({"penalties": {}}, "penalties must map patterns"),
        ({"parameters": {"w": np.full((2, 2), np.nan)}}, "parameters must be finite, 'w' is not"),
        ({"parameters": {"w": np.arange(4).reshape(2, 2)}}, "at least one array of floating point"),
        ({"samples": np.full((2, 2), np.inf)}, "must be finite at the start"),
        ({"num_iterations": 0}, "num_iterations must be at least 1"),
        ({"step": 0.0}, "step must be one number above zero"),
        ({"tolerance": -1.0}, "tolerance must lie in"),
    ],
)
def test_bad_input(change, message):
    given = {
        "parameters": {"w": np.ones((2, 2))},
        "penalties": {"w": rd.lowrank.FixedRank(1)},
        "samples": np.eye(2),
    }
    with pytest.raises(ValueError, match=message):
        proximal_descent(quadratic, **(given | change))
