"""Numbers gathered once for all tests of claims."""

import functools
import pathlib

import pytest

from ratedist.claims import CLAIMS, Evidence
from ratedist.claims.judging import Family
from ratedist.claims.numbers import Numbers

TABLES = pathlib.Path(__file__).parents[2] / "figures"
# Of what takes seconds to quantise: there the claim is certain by more than fifty standard errors.
FEW_TRIALS = {"diameter-four": 2000}


@functools.cache
def shared_evidence() -> Evidence:
    return Evidence(tables=TABLES)


@functools.cache
def shared_numbers(id: str) -> Numbers:
    (claim,) = (claim for claim in CLAIMS if claim.id == id)
    if id in FEW_TRIALS:
        return claim.gather(Evidence(num_trials=FEW_TRIALS[id], tables=TABLES))
    return claim.gather(shared_evidence())


@pytest.fixture(scope="session")
def evidence() -> Evidence:
    return shared_evidence()


@pytest.fixture(scope="session")
def numbers_of():
    """Numbers of a claim by its id, gathered when first asked for."""
    return shared_numbers


@pytest.fixture(scope="session")
def family() -> Family:
    """What a run of all claims is judged with."""
    return Family.of(shared_numbers(claim.id) for claim in CLAIMS)
