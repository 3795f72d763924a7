"""Codes of the comparison: what each is called, and what it is told of the true weights."""

from __future__ import annotations

import dataclasses

RATES = {
    "decodable_length": "length of a code: Huffman labels, centres of 10 bits, the header a decoder needs",
    "code_length": "length of a code that is agreed before the data, given the dither where there is one",
    "mutual_information": "I(W; W-hat): no code of that length is meant",
    "gaussian_bound": "at least I(W; W-hat): no code of that length is meant",
}
NOTHING, SCALE, PRIOR, TRUTH = "nothing of w*", "the mean square of w*", "the prior of w*", "w*"


@dataclasses.dataclass(frozen=True)
class Named:
    """What stands in tables, sentences and legends."""

    name: str
    knows: str


ALGORITHMS = {
    "kmeans": Named("K-means", NOTHING),
    "hessian_weighted": Named("Hessian-weighted K-means", NOTHING),
    "diameter_regularized": Named("diameter-regularised K-means", NOTHING),
    "entropy_coded": Named("W rounded and entropy-coded", SCALE),
    "entropy_constrained": Named("entropy-constrained quantisation of W", PRIOR),
    "pruned": Named("pruning", NOTHING),
    "ridge_coded": Named("rounded ridge", SCALE),
    "remote_gaussian": Named("shrinking, then rounding", SCALE),
    "remote_prior": Named("remote coding for the prior of w*", PRIOR),
    "low_rank": Named("low rank by plain SVD", SCALE),
    "low_rank_information": Named("low rank by information", SCALE),
    "oracle": Named("the oracle", TRUTH),
}
