"""Tensors of PyTorch in a tree: by a stand-in with its manners, and by the real one where it is installed."""

import collections

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

import ratedist as rd
from ratedist.tensors.foreign_arrays import as_array

pytestmark = pytest.mark.usefixtures("some_limit")


class Tensor:
    """What PyTorch's tensors let be seen, and refuse, as of its version 2."""

    def __init__(self, values, requires_grad=False, device="cpu", layout="strided"):
        self._values, self.requires_grad = values, requires_grad
        self.device, self._layout = device, layout

    @property
    def dtype(self):
        return f"torch.{self._values.dtype}"  # compares unequal to all dtypes of NumPy

    @property
    def shape(self):
        return collections.namedtuple("Size", [f"d{i}" for i in range(self._values.ndim)])(
            *self._values.shape
        )

    def detach(self):
        return Tensor(self._values, False, self.device, self._layout)

    def cpu(self):
        return Tensor(self._values, self.requires_grad, "cpu", self._layout)

    def resolve_conj(self):
        return self

    resolve_neg = resolve_conj

    def _check(self):
        if self.requires_grad:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad.\nUse tensor.detach().numpy()"
            )
        if self.device != "cpu":
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        if self._layout != "strided":
            raise TypeError("can't convert Sparse layout tensor to numpy")

    def numpy(self):
        self._check()
        if self._values.dtype == ml_dtypes.bfloat16:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self._values

    def __array__(self, dtype=None, copy=None):
        return self.numpy()

    def __dlpack__(self, **options):
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient")
        if self._layout != "strided":
            raise BufferError("Can't export tensors with layout other than torch.strided")
        return jnp.asarray(self._values).__dlpack__(**options)

    def __dlpack_device__(self):
        return jnp.asarray(self._values).__dlpack_device__()


def arrays():
    rng = np.random.default_rng(0)
    return {
        "fc1.weight": rng.normal(size=(40, 50)).astype(np.float32),
        "fc1.bias": rng.normal(size=40).astype(ml_dtypes.bfloat16),
        "fc2.weight": rng.normal(size=(30, 40)).astype(ml_dtypes.bfloat16),
        "fc2.half": rng.normal(size=2000).astype(np.float16),
        "fc2.double": rng.normal(size=1500),
        "steps": np.arange(7),
    }


def check(state, expected, folder):
    """A tree of tensors is what the tree of their arrays is, in memory and as a file."""
    one, other = rd.quantize_tree(state, 5), rd.quantize_tree(expected, 5)
    assert one.quantized.keys() == other.quantized.keys() == expected.keys() - {"fc1.bias", "steps"}
    assert one.others.keys() == {"fc1.bias", "steps"}
    sizes = [tree.save(folder / name) for tree, name in ((one, "one"), (other, "other"))]
    assert sizes[0] == sizes[1]
    assert (folder / "one").read_bytes() == (folder / "other").read_bytes()
    for loaded in (
        one.reconstruction(),
        rd.load_tree(folder / "one", state),
        rd.load_tree(folder / "one", expected),
    ):
        for name, array in expected.items():
            assert (loaded[name].dtype, loaded[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(loaded["fc1.bias"], expected["fc1.bias"])
        np.testing.assert_array_equal(loaded["fc1.weight"], other.reconstruction()["fc1.weight"])


@pytest.mark.parametrize(("requires_grad", "device"), [(False, "cpu"), (True, "cpu"), (True, "cuda:0")])
def test_a_state_dict(tmp_path, requires_grad, device):
    expected = arrays()
    state = {name: Tensor(array, requires_grad, device) for name, array in expected.items()}
    check(collections.OrderedDict(state), collections.OrderedDict(expected), tmp_path)


def test_a_budget_for_a_state_dict():
    expected = arrays()
    importance = {name: np.ones(np.shape(x), np.float32) for name, x in expected.items()}
    state = {name: Tensor(array, True, "cuda:0") for name, array in expected.items()}
    budget = rd.quantize_tree(state, rd.QuantizationConfig(bits_per_weight=3), importance=importance)
    assert {type(leaf) for leaf in jax.tree.leaves(budget.reconstruction())} == {np.ndarray}


def test_real_state_dict(tmp_path):
    torch = pytest.importorskip("torch")
    expected, state = arrays(), {}
    for name, array in expected.items():
        state[name] = torch.tensor(array.tolist(), dtype=getattr(torch, str(array.dtype)))
        if array.dtype.kind == "f" or array.dtype == ml_dtypes.bfloat16:
            state[name] = torch.nn.Parameter(state[name])
    check(state, expected, tmp_path)
    with pytest.raises(ValueError, match="'layer' is a module"):
        rd.quantize_tree({"layer": torch.nn.Linear(40, 40)}, 4)
    for odd in (torch.eye(40).to_sparse(), torch.empty(40, 40, device="meta")):
        with pytest.raises(ValueError, match=r"'w' is a torch.Tensor of .* cannot be converted"):
            rd.quantize_tree({"w": odd}, 4)
    complex_numbers = as_array("c", torch.tensor([1 + 2j, 3j]).conj())
    np.testing.assert_array_equal(complex_numbers, [1 - 2j, -3j])


def test_what_cannot_be_converted_is_named():
    tree = {"model": {"w": Tensor(np.ones((40, 40), np.float32), layout="sparse")}, "v": np.ones(2000)}
    with pytest.raises(
        ValueError, match=r"'model.w' is a .*Tensor of torch.float32, which cannot be converted"
    ):
        rd.quantize_tree(tree, 4)

    class Module:
        def state_dict(self):
            return {}

    with pytest.raises(ValueError, match=r"'layer.0' is a module, .*: give its state_dict\(\)"):
        rd.quantize_tree({"layer": [Module()], "v": np.ones(2000)}, 4)


def test_what_stays_as_it_is():
    for leaf in (np.ones(3), np.float32(1), jnp.ones(3), jax.random.key(0), 0.5, "text", len, object()):
        assert as_array("leaf", leaf) is leaf
