"""Networks with factored and pruned layers: importances from the curvature, budgets, files, fine-tuning."""

import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.container import FactoredTensor, PrunedTensor
from ratedist.networks.fine_tuning import fine_tune_centers
from ratedist.networks.importance import in_proportion, normalized
from ratedist.tensors import compress_tensor

pytestmark = pytest.mark.usefixtures("some_limit")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 12)).astype(np.float32)
DATA = X, (X[:, 0] > 0).astype(int)
PARAMETERS = {
    "first": RNG.normal(size=(12, 10)).astype(np.float32),
    "second": (0.05 * RNG.normal(size=(10, 9))).astype(np.float32),
}


def logits(parameters, x):
    hidden = jnp.tanh(x @ parameters["first"]) @ parameters["second"]
    return jnp.stack([hidden.sum(axis=1), hidden[:, 0] - hidden[:, 1]], axis=1)


@pytest.fixture(scope="module")
def curvature():
    return rd.networks.quantize(PARAMETERS, logits, DATA, options(2), curvature_samples=None).curvature


def options(num_clusters, **given):
    return rd.QuantizationConfig(num_clusters=num_clusters, min_size=1, **given)


@pytest.mark.parametrize(
    ("given", "kind"), [({"rank": 3}, FactoredTensor), ({"prune": 0.6}, PrunedTensor)], ids=str
)
def test_importances_are_the_curvature(curvature, tmp_path, given, kind):
    model = rd.networks.quantize(PARAMETERS, logits, DATA, options(4, **given), curvature=curvature)
    importance = normalized(curvature)
    for name, w in PARAMETERS.items():
        expected = compress_tensor(w, options(4, **given), importance=np.asarray(importance[name]))
        assert isinstance(model.tree.quantized[name], kind)
        np.testing.assert_array_equal(np.asarray(model.parameters[name]), expected.reconstruction())
    assert model.save(tmp_path / "model.rdz") == (tmp_path / "model.rdz").stat().st_size
    with pytest.raises(ValueError, match=f"without rank and prune .* 'first' is a {kind.__name__}"):
        fine_tune_centers(model, logits, DATA, epochs=1)


@pytest.mark.filterwarnings("ignore:the budget leaves")
def test_a_budget_of_ranks_keeps_the_proportions_of_the_curvature(curvature):
    """What is minimised is Σhw² over both arrays with the curvature itself, by trying all pairs of ranks."""
    config = options(2, rank_budget=2.2, codebook_dtype="float16")
    model = rd.networks.quantize(PARAMETERS, logits, DATA, config, curvature=curvature)
    importance = in_proportion(normalized(curvature), curvature, PARAMETERS)
    assert importance["first"].mean() / importance["second"].mean() == pytest.approx(
        float(curvature["first"].mean() / curvature["second"].mean()), rel=1e-4
    )
    allowed = 2.2 * sum(w.size for w in PARAMETERS.values()) / 8

    def cost(tensors):
        losses = [
            np.sum(importance[name] * (w - tensors[name].reconstruction().astype(float)) ** 2)
            for name, w in PARAMETERS.items()
        ]
        return sum(losses), sum(one.stored("huffman").entry.num_bytes for one in tensors.values())

    loss, num_bytes = cost(model.tree.quantized)
    assert num_bytes <= allowed
    points = {
        name: [compress_tensor(w, config, rank=r, importance=importance[name]) for r in range(5)]
        for name, w in PARAMETERS.items()
    }
    pairs = [cost({"first": a, "second": b}) for a in points["first"] for b in points["second"]]
    best = min(one for one, size in pairs if size <= allowed)
    assert loss == pytest.approx(best, rel=1e-9)
