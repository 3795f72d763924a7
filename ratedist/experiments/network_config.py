"""What is trained and how it is compressed, for Figures 1 and 3–6 of the Entropy article.

JAX is imported inside, so that the command line can show its options at once.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ratedist import _checks

# Of a codebook for blocks; which layer has too few of them is seen when there are layers.
LARGEST_CODEBOOK_BITS = 32

if TYPE_CHECKING:
    from ratedist.networks.ensemble import EnsembleConfig


@dataclasses.dataclass(frozen=True)
class Point:
    """One way to change a network.

    Attributes:
        compressor: "original"; "last_layer_scaled", its weights by the factor that suits the held-out images
            best; "kmeans"; "hessian_weighted", K-means with importances; "hessian_weighted_relative", the
            same with β in units of a layer's total importance; "last_layer_penalised" and
            "other_layers_penalised", with β there and 0 elsewhere; "clipped", the original with each layer's
            weights confined to the range of the Hessian-weighted codebook.
        num_clusters: K a layer, 0 where nothing is quantised.
        diameter_penalty: β.
        block_length: m.
    """

    compressor: str
    num_clusters: int = 0
    diameter_penalty: float = 0.0
    block_length: int = 1


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """What is trained, and how it is compressed; the defaults of MNIST."""

    data: ClassVar[str] = "mnist"

    models: int = 50
    """Number of networks."""
    fraction: float = 0.1
    """Part of the training images that each network gets, drawn for each independently."""
    holdout: float = 0.1
    """Part of that which is kept from training: temperatures, factors and beta are chosen on it."""
    with_replacement: bool = False
    """Whether a network's images are drawn with replacement."""
    learning_rate: float = 0.01
    """Of stochastic gradient descent with momentum 0.9 and weight decay 0.0001."""
    batch_size: int = 10
    """Images per step."""
    epochs: int = 25
    """Passes over the images."""
    dropout: float = 0.2
    """Of the hidden units of dense layers."""
    # Lists, not one K or β; committed records and options of commands have these names.
    clusters: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 9, 12, 16, 20, 32, 256)
    """Numbers K of clusters a layer; a block of m weights gets K to the power of m."""
    beta: tuple[float, ...] = (0.0, 50.0)
    """Diameter penalties of Hessian-weighted K-means, for importances of mean 1 in each layer."""
    block_length: tuple[int, ...] = (1, 2)
    """Weights m that share a label."""
    max_vector_clusters: int = 7
    """Largest K for blocks of more than one weight."""
    sweep_clusters: int = 7
    """K of the sweep over beta."""
    sweep_beta: tuple[float, ...] = (0.0, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)
    """Diameter penalties of that sweep."""
    relative_beta: tuple[float, ...] = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    """The same sweep with penalties in units of the total importance of a layer."""
    biases: bool = False
    """Whether biases are quantised too, each vector of at least K with a codebook of its own."""
    curvature_images: int = 0
    """Random training images of each network that its curvature is measured on, at least 2; 0, or more than
    there are, for all."""
    train_images: int = 0
    """Images, of those a network was trained on, that its train loss is measured on; 0, or more than there
    are, for all."""
    seed: int = 0
    """Seed of every random draw; network i depends on (seed, i) alone."""

    def check(self) -> None:
        """Raise ``ValueError``, in words, for a setting that makes no sense."""
        _checks.integer("models", self.models, 1)
        _checks.integer("epochs", self.epochs, 1)
        _checks.seed(self.seed)
        if _checks.integer("curvature_images", self.curvature_images, 0) == 1:
            raise ValueError("curvature_images must be 0 or at least 2, for its standard error, got 1")
        _checks.integer("train_images", self.train_images, 0)
        _checks.integer("sweep_clusters", self.sweep_clusters, 1)
        for name in ("clusters", "block_length"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name at least one number")
            for value in getattr(self, name):
                _checks.integer(name, value, 1)
        for name in ("beta", "sweep_beta", "relative_beta"):
            _checks.in_range(name, getattr(self, name), high=1e300)
        for name in ("beta", "sweep_beta"):
            if 0.0 not in getattr(self, name):
                raise ValueError(f"{name} must contain 0, which the others are compared with")
        if 1 not in self.block_length:
            raise ValueError("block_length must contain 1, which the others are compared with")
        self._check_vectors()

    def _check_vectors(self) -> None:
        """Refuse blocks that no codebook is small enough for, and options that would be ignored."""
        own = {field.name: field.default for field in dataclasses.fields(self)}
        limit = _checks.integer("max_vector_clusters", self.max_vector_clusters, 1)
        longest, limit_given = max(self.block_length), limit != own["max_vector_clusters"]
        if longest == 1:
            if limit_given:
                raise ValueError(f"max_vector_clusters is for block_length above 1, got {limit} without")
            return
        vectors = [K for K in self.clusters if limit >= K]
        if not vectors and (limit_given or self.block_length != own["block_length"]):
            raise ValueError(
                f"max_vector_clusters must be at least one of clusters, {min(self.clusters)}, for blocks of "
                f"{longest} weights, got {limit}"
            )
        # Before the power is computed.
        most = max((*vectors, 2))
        if longest * math.log2(most) > LARGEST_CODEBOOK_BITS:
            raise ValueError(
                f"block_length must be such that {most} clusters to its power are at most "
                f"2^{LARGEST_CODEBOOK_BITS}, got {longest}"
            )

    def ensemble(self) -> EnsembleConfig:
        """The networks of this configuration."""
        from ratedist.networks.architecture import convolutional_network, mlp
        from ratedist.networks.ensemble import EnsembleConfig
        from ratedist.networks.training import Recipe

        architecture = convolutional_network() if self.data == "cifar10" else mlp(*_WIDTHS[self.data])
        recipe = Recipe(
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            epochs=self.epochs,
            dropout=self.dropout,
        )
        return EnsembleConfig(
            architecture, recipe, self.fraction, self.holdout, self.with_replacement, self.seed
        )

    def points(self) -> list[Point]:
        """Every change to a network, each once."""
        points = [Point("original"), Point("last_layer_scaled")]
        points += [Point("kmeans", K) for K in self.clusters]
        for m in self.block_length:
            for K in self.clusters:
                if m == 1 or self.max_vector_clusters >= K:
                    points += [Point("hessian_weighted", K**m, beta, m) for beta in self.beta]
        points += [
            Point("hessian_weighted", self.sweep_clusters, beta) for beta in (*self.sweep_beta, *self.beta)
        ]
        points += [Point("clipped", self.sweep_clusters, beta) for beta in self.sweep_beta]
        points += [
            Point(compressor, self.sweep_clusters, beta)
            for compressor in ("last_layer_penalised", "other_layers_penalised")
            for beta in self.beta
            if beta > 0
        ]
        points += [
            Point("hessian_weighted_relative", self.sweep_clusters, beta) for beta in self.relative_beta
        ]
        return list(dict.fromkeys(points))


_WIDTHS = {"mnist": (784, (256, 256), 10), "digits": (64, (64, 64), 10)}


@dataclasses.dataclass(frozen=True)
class Cifar10Config(NetworkConfig):
    """What is trained, and how it is compressed; the defaults of CIFAR10."""

    data: ClassVar[str] = "cifar10"

    models: int = 50
    fraction: float = 0.2
    learning_rate: float = 0.003
    epochs: int = 20
    clusters: tuple[int, ...] = (4, 6, 8, 16)
    beta: tuple[float, ...] = (0.0, 25.0)
    block_length: tuple[int, ...] = (1,)
    sweep_clusters: int = 8
    sweep_beta: tuple[float, ...] = (0.0, 5.0, 10.0, 25.0, 50.0, 100.0)
    relative_beta: tuple[float, ...] = ()
    curvature_images: int = 500
    train_images: int = 2000


@dataclasses.dataclass(frozen=True)
class DigitsConfig(NetworkConfig):
    """The same on scikit-learn's digits, which need no download: seconds in place of minutes."""

    data: ClassVar[str] = "digits"

    models: int = 8
    fraction: float = 0.5
    holdout: float = 0.3
    epochs: int = 60
    clusters: tuple[int, ...] = (2, 3, 4, 5, 6, 8, 12, 16)
    max_vector_clusters: int = 6
