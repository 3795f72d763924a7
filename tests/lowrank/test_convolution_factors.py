"""A kernel as a matrix and back, and two convolutions in place of one, against a convolution by loops."""

import itertools

import numpy as np
import pytest

from ratedist.lowrank import factored_kernels, kernel_from_matrix, kernel_matrix, project

HWIO = (3, 2, 4, 5)  # not square, so that height and width cannot be mistaken for each other
FORMS = ["channels", "spatial"]
LAYOUTS = ["hwio", "oihw", "iohw"]


def in_layout(kernel: np.ndarray, layout: str) -> np.ndarray:
    """An HWIO kernel with its axes in another order."""
    return np.einsum(f"hwio->{layout}", kernel)


def convolve(images: np.ndarray, kernel: np.ndarray, stride=(1, 1), padding=(0, 0)) -> np.ndarray:
    """Images (height, width, inputs), kernel HWIO: sums over every offset, nothing else."""
    kh, kw, _, outputs = kernel.shape
    padded = np.pad(images, ((padding[0],) * 2, (padding[1],) * 2, (0, 0)))
    height, width = (padded.shape[0] - kh) // stride[0] + 1, (padded.shape[1] - kw) // stride[1] + 1
    result = np.zeros((height, width, outputs))
    for y, x, o in itertools.product(range(height), range(width), range(outputs)):
        patch = padded[y * stride[0] : y * stride[0] + kh, x * stride[1] : x * stride[1] + kw]
        result[y, x, o] = np.sum(patch * kernel[..., o])
    return result


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_matrix_is_its_kernel_again(form, layout):
    kernel = in_layout(np.random.default_rng(0).standard_normal(HWIO), layout)
    matrix = kernel_matrix(kernel, form, layout)
    assert matrix.shape == ((5, 4 * 3 * 2) if form == "channels" else (5 * 3, 4 * 2))
    np.testing.assert_array_equal(kernel_from_matrix(matrix, kernel.shape, form, layout), kernel)


@pytest.mark.parametrize("form", FORMS)
def test_the_matrix_does_not_depend_on_the_layout(form):
    kernel = np.random.default_rng(0).standard_normal(HWIO)
    first, *others = (kernel_matrix(in_layout(kernel, layout), form, layout) for layout in LAYOUTS)
    for other in others:
        np.testing.assert_array_equal(other, first)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layout", ["hwio", "oihw"])
@pytest.mark.parametrize(("stride", "padding"), [((1, 1), (0, 0)), ((1, 1), (1, 1)), ((2, 3), (1, 2))])
@pytest.mark.parametrize("rank", [1, 3, 5])
def test_two_convolutions_compute_the_map_of_their_product(form, layout, stride, padding, rank):
    rng = np.random.default_rng(rank)
    kernel, images = in_layout(rng.standard_normal(HWIO), layout), rng.standard_normal((7, 8, 4))
    factors = project(kernel_matrix(kernel, form, layout), rank)
    pair = factored_kernels(factors.left, factors.right, kernel.shape, form, layout)
    assert sum(part.size for part in pair) == factors.num_parameters
    first, second = (np.einsum(f"{layout}->hwio", part) for part in pair)
    if form == "channels":
        found = convolve(convolve(images, first, stride, padding), second)
    else:
        across = convolve(images, first, (1, stride[1]), (0, padding[1]))
        found = convolve(across, second, (stride[0], 1), (padding[0], 0))
    product = kernel_from_matrix(factors.matrix(), kernel.shape, form, layout)
    expected = convolve(images, np.einsum(f"{layout}->hwio", product), stride, padding)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    whole = convolve(images, np.einsum(f"{layout}->hwio", kernel), stride, padding)
    # Five outputs: in channels rank 5 is the kernel itself.
    assert np.allclose(found, whole) == (form == "channels" and rank == 5)


def test_patches_times_the_matrix_of_channels_are_the_convolution():
    """So the second moment of patches is the metric of a convolution's inputs."""
    rng = np.random.default_rng(0)
    kernel, images = rng.standard_normal(HWIO), rng.standard_normal((5, 6, 4))
    patches = [images[y : y + 3, x : x + 2].transpose(2, 0, 1).ravel() for y in range(3) for x in range(5)]
    outputs = np.stack(patches) @ kernel_matrix(kernel, "channels").T
    np.testing.assert_allclose(outputs.reshape(3, 5, 5), convolve(images, kernel), atol=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: kernel_matrix(np.ones((3, 3)), "channels"), r"four axes hwio, got shape \(3, 3\)"),
        (lambda: kernel_matrix(np.ones(HWIO), "rows"), "form must be one of channels, spatial; got 'rows'"),
        (lambda: kernel_matrix(np.ones(HWIO), "spatial", "hwii"), "layout must be the letters h, w, i and o"),
        (lambda: kernel_from_matrix(np.ones((5, 23)), HWIO, "channels"), r"matrix must have shape \(5, 24\)"),
        (lambda: kernel_from_matrix(np.ones((5, 24)), (3, 2, 4), "channels"), "shape must have four sizes"),
        (
            lambda: factored_kernels(np.ones((5, 2)), np.ones((3, 24)), HWIO, "channels"),
            r"left and right must have shapes \(5, r\) and \(r, 24\), got \(5, 2\) and \(3, 24\)",
        ),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()
