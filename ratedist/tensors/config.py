"""The options of quantisation, written once: for trees, for networks, for files and for the command."""

from __future__ import annotations

import dataclasses
import fnmatch
import operator
import sys
from collections.abc import Collection
from typing import Any

from ratedist import _checks
from ratedist.quantizers.methods import RANDOM_INITIALIZATIONS, Method, Optimal, as_method, check_method
from ratedist.tensors.trellis_options import check_trellis

# Fewest and most clusters of a tensor that a budget is spent on.
LEAST_CLUSTERS, MOST_CLUSTERS = 2, 256


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuantizationConfig:
    """How the tensors of a model are quantised, and which of them.

    ``None`` means not given. An option that nothing depends on is refused. A method is a name, or in Python
    a record with its own options, such as ``rd.Optimal(time_budget=10)``.

    Attributes:
        num_clusters: K, the number of values that the weights of a tensor can take; 16 if there is no budget
            either.
        bits_per_weight: In place of K, a budget for the file: bits for each weight of a quantised tensor,
            codebooks, counts and header included. Tensors left as they are come on top. Each tensor gets its
            own K, at most 256; or its own rate, where there is a trellis.
        trellis: States of a trellis, a power of two from 4 to 256, that chooses labels in the place of
            K-means. More states mean smaller errors and more time. It needs bits_per_weight or
            mean_squared_error, and gains most with coder ans.
        mean_squared_error: In place of a budget for a trellis: most squared error of a weight, on average,
            in each tensor. Importances weight the average. It is in squared units of the weights.
        min_clusters: Fewest clusters that a budget may give a tensor; 2 if not given. 1 makes constants.
        method: How centres are found: lloyd (if not given), optimal, or algorithm1 as printed in the papers.
        diameter_penalty: β, the price of the squared diameter of a codebook.
        relative_penalty: Take β in units of the total importance of each tensor, free of its scale and size.
        rank: r of matrices, which are kept as two quantised factors of r columns and r rows. Those that would
            not have fewer numbers that way are only quantised. A convolution is a matrix of its first
            axis by the rest, or of the rest by its last, whichever has the larger shorter side.
        rank_budget: In place of rank, a budget for the matrices: bits for each of their weights, codebooks
            and counts included. Each gets its own rank, or is only quantised where that is better.
        prune: Part of the weights of each tensor that is set to zero: the smallest w², or the smallest hw²
            where there are importances h. The others are quantised.
        block_length: m, the number of weights that share a label.
        codebook_dtype: Type of the centres in the file: float32, float16 or bfloat16. If not given, that of
            the tensor, and float32 for a tensor of float64. For a trellis it is what costs least, errors and
            bits together.
        coder: Code of the labels in the file: huffman, or ans for the entropy coder of the package
            constriction (ratedist[coding]). Huffman code takes several labels at a time where that is
            shorter.
        include: Quantise only tensors whose names are like one of these patterns (* and ?); all, if none is
            given.
        exclude: Leave tensors whose names are like one of these patterns (* and ?) as they are.
        min_size: Leave tensors with fewer weights as they are, and those with fewer blocks than clusters.
        seed: Of the random start that blocks of two weights and more need; 0 if not given. In Python also of
            methods whose init is "random" or "kmeans++".

    Example:
        >>> import numpy as np, ratedist as rd
        >>> options = rd.QuantizationConfig(bits_per_weight=3, exclude=("*norm*",))
        >>> options.reason_to_leave("block.norm.weight", np.dtype(np.float32), 4096)
        "excluded by '*norm*'"
    """

    num_clusters: int | None = None
    bits_per_weight: float | None = None
    trellis: int | None = None
    mean_squared_error: float | None = None
    min_clusters: int | None = None
    method: str | Method | None = None
    diameter_penalty: float = 0.0
    relative_penalty: bool = False
    rank: int | None = None
    rank_budget: float | None = None
    prune: float | None = None
    block_length: int = 1
    codebook_dtype: str | None = None
    coder: str = "huffman"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_size: int = 1024
    seed: int | None = None

    @classmethod
    def of(cls, config: QuantizationConfig | int | None) -> QuantizationConfig:
        """The record itself, or the one that a number of clusters or nothing at all is short for; checked.

        Raises:
            ValueError: as ``check``.
        """
        found = cls.from_short(config)
        found.check()
        return found

    @classmethod
    def from_short(cls, config: QuantizationConfig | int | None) -> QuantizationConfig:
        """As ``of``, but not checked.

        Raises:
            ValueError: anything else.
        """
        if isinstance(config, QuantizationConfig):
            return config
        if config is None:
            return cls()
        try:
            if isinstance(config, _checks.BOOLEANS):
                raise TypeError
            return cls(num_clusters=operator.index(config))
        except TypeError:
            raise ValueError(
                "config must be an rd.QuantizationConfig, a number of clusters, or None, "
                f"got {described(config)}"
            ) from None

    @property
    def clusters(self) -> int:
        """K of every tensor, where there is no budget."""
        return 16 if self.num_clusters is None else self.num_clusters

    @property
    def by_rank(self) -> bool:
        """Whether matrices are to be factored."""
        return self.rank is not None or self.rank_budget is not None

    @property
    def kmeans_method(self) -> Method:
        """The method as a record."""
        return as_method("lloyd" if self.method is None else self.method)

    @property
    def key(self) -> int | None:
        """The seed of the random start, 0 if not given; ``None`` where nothing is random."""
        method = self.kmeans_method
        if isinstance(method, Optimal):
            return None
        by_default = method.init is None and self.block_length > 1
        is_random = by_default or (isinstance(method.init, str) and method.init in RANDOM_INITIALIZATIONS)
        return (self.seed or 0) if is_random else None

    def check(self) -> None:
        """Raise ``ValueError`` for values that make no sense, before anything is read."""
        # Imported late: to show the help of a command takes none of them.
        from ratedist.codes.ans import require_constriction
        from ratedist.container.dtypes import CODEBOOK_DTYPES
        from ratedist.container.rdz_format import CODERS

        for name in ("block_length", "min_size"):
            _checks.integer(name, getattr(self, name), 1)
        for name in ("include", "exclude"):
            patterns = getattr(self, name)
            several = isinstance(patterns, Collection) and not isinstance(patterns, str)
            if not several or not all(isinstance(one, str) for one in patterns):
                raise ValueError(f"{name} must be a tuple of patterns, got {patterns!r:.80}")
        if self.num_clusters is not None:
            _checks.integer("num_clusters", self.num_clusters, 1)
        if not isinstance(self.relative_penalty, _checks.BOOLEANS):
            raise ValueError(f"relative_penalty must be True or False, got {self.relative_penalty!r:.80}")
        _checks.in_range("diameter_penalty", self.diameter_penalty, high=sys.float_info.max)
        if self.codebook_dtype is not None:
            _checks.one_of("codebook_dtype", self.codebook_dtype, tuple(CODEBOOK_DTYPES))
        check_trellis(self)
        self._check_budget()
        self._check_forms()
        self._check_dependence()
        if _checks.one_of("coder", self.coder, CODERS) == "ans":
            require_constriction()

    def _check_budget(self) -> None:
        if self.bits_per_weight is not None:
            _checks.positive_number("bits_per_weight", self.bits_per_weight)
            if self.num_clusters is not None:
                raise ValueError(
                    "num_clusters must not be given beside bits_per_weight, which chooses K for each tensor; "
                    f"got {self.num_clusters} and {self.bits_per_weight:g}"
                )
        if self.min_clusters is not None:
            if _checks.integer("min_clusters", self.min_clusters, 1) > MOST_CLUSTERS:
                raise ValueError(f"min_clusters must be at most {MOST_CLUSTERS}, got {self.min_clusters}")
            if self.bits_per_weight is None:
                raise ValueError("min_clusters needs bits_per_weight: without a budget K is num_clusters")

    def _check_forms(self) -> None:
        """Rank and pruning, and what they go together with."""
        if self.rank is not None:
            _checks.integer("rank", self.rank, 1)
        if self.rank_budget is not None:
            _checks.positive_number("rank_budget", self.rank_budget)
        if self.prune is not None and not 0 < _checks.number("prune", self.prune) < 1:
            raise ValueError(f"prune must be a part between 0 and 1, both excluded, got {self.prune:g}")
        given = [name for name in ("rank", "rank_budget", "prune") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(
                f"of rank, rank_budget and prune at most one can be given, got {' and '.join(given)}"
            )
        if not self.by_rank:
            return
        if self.bits_per_weight is not None:
            raise ValueError(
                f"{given[0]} must not be given beside bits_per_weight, which chooses K for each tensor: a "
                "rank_budget is one of bits too, and chooses ranks"
            )
        if self.diameter_penalty > 0 and not self.relative_penalty:
            raise ValueError(
                f"a diameter_penalty beside {given[0]} must have relative_penalty=True: codebooks are those "
                "of factors, whose scale is not that of the weights"
            )

    def _check_dependence(self) -> None:
        """Refuse what would be ignored."""
        if self.relative_penalty and self.diameter_penalty == 0:
            raise ValueError("relative_penalty is a unit of diameter_penalty, and needs one above zero")
        check_method(self.kmeans_method, block_length=self.block_length, penalized=self.diameter_penalty > 0)
        if self.seed is not None:
            _checks.seed(self.seed)
            if self.key is None:
                raise ValueError(
                    'seed is for block_length above 1 and for a method with init "random" or "kmeans++": '
                    "here nothing is random"
                )

    def check_patterns(self, names: Collection[str]) -> None:
        """Raise ``ValueError`` for a pattern that is like none of the names: it would be ignored."""
        for option, patterns in (("include", self.include), ("exclude", self.exclude)):
            for pattern in patterns:
                if pattern != "*" and not any(_is_like(name, pattern) for name in names):
                    raise ValueError(f"{option}: no tensor has a name like {pattern!r}")

    def reason_to_leave(self, name: str, dtype: Any, size: int) -> str | None:
        """Why a tensor is to stay as it is, in words; ``None`` if it is to be quantised.

        Args:
            name: of the tensor.
            dtype: NumPy's, or the name of one that NumPy has not.
            size: number of weights.
        """
        from ratedist.container.dtypes import NAMES, WEIGHT_DTYPES

        if isinstance(dtype, str) or NAMES.get(dtype) not in WEIGHT_DTYPES:
            return f"{dtype}, not floating-point of 16 to 64 bits"
        for pattern in self.exclude:
            if _is_like(name, pattern):
                return f"excluded by {pattern!r}"
        if self.include and not any(_is_like(name, pattern) for pattern in self.include):
            return "not included"
        if size < self.min_size:
            return f"fewer than {self.min_size} weights (min_size)"
        K = 1 if self.bits_per_weight is not None or self.trellis is not None else self.clusters
        if size < self.block_length * K:
            return f"fewer than {K} blocks of {self.block_length}, one for each cluster"
        return None


def described(value: Any) -> str:
    """A value that was given in the place of another, in few words: large ones by their kind."""
    if isinstance(value, type):
        return f"the class {value.__name__} itself"
    if value is None or isinstance(value, bool | int | float | complex | str):
        return f"{value!r:.80}"
    return f"an object of type {type(value).__name__}"


def _is_like(name: str, pattern: str) -> bool:
    """Whether a name is like a pattern, or is it: names can have ``*``, ``?`` and ``[`` in them."""
    return name == pattern or fnmatch.fnmatchcase(name, pattern)
