"""Numbers gathered once for all tests of claims."""

import functools
import pathlib

import pytest

from ratedist.claims import CLAIMS, Evidence
from ratedist.claims.evidence import DEFAULT_TRIALS
from ratedist.claims.judging import Family
from ratedist.claims.numbers import Numbers

TABLES = pathlib.Path(__file__).parents[2] / "figures"
# Of what takes seconds to quantise: there the claim is certain by more than ten standard errors.
FEW_TRIALS = {
    "diameter-four": 2000,
    "diameter-two": 1000,
    "empirical-design": 2000,
    "empirical-design-own": 2000,
}


@functools.cache
def shared_evidence(num_trials: int) -> Evidence:
    return Evidence(num_trials, tables=TABLES)


@functools.cache
def shared_numbers(id: str) -> Numbers:
    (claim,) = (claim for claim in CLAIMS if claim.id == id)
    return claim.gather(shared_evidence(FEW_TRIALS.get(id, DEFAULT_TRIALS)))


@pytest.fixture(scope="session")
def evidence() -> Evidence:
    return shared_evidence(DEFAULT_TRIALS)


@pytest.fixture(scope="session")
def numbers_of():
    """Numbers of a claim by its id, gathered when first asked for."""
    return shared_numbers


@pytest.fixture(scope="session")
def family() -> Family:
    """What a run of all claims is judged with."""
    return Family.of(shared_numbers(claim.id) for claim in CLAIMS)
