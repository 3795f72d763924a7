"""Numbers gathered once for all tests of claims."""

import functools
import pathlib

import pytest

from ratedist.claims import CLAIMS, Evidence, empirical_design, figure2, low_rank
from ratedist.claims import evidence as of_all
from ratedist.claims.evidence import DEFAULT_TRIALS
from ratedist.claims.judging import Family
from ratedist.claims.numbers import Numbers
from ratedist.simulation.results import SimulationResult

TABLES = pathlib.Path(__file__).parents[2] / "figures"
# Enough for verdicts and to see formulas that are wrong by one in n; up to there simulations share a batch.
TRIALS = 8000
# Of what takes seconds to quantise: there the claim is certain by more than ten standard errors.
OTHER_TRIALS = {
    "diameter-four": 300,
    "diameter-two": 1000,
    "empirical-design": 4000,
    "empirical-design-own": 4000,
    # And what is undecided by fewer.
    "corollary-1-left": DEFAULT_TRIALS,
    "gaussian-mean": DEFAULT_TRIALS,
}
# Of K-means in Figure 2, whose claims are about 2 to 8; `ratedist verify` has up to 16 beside them.
MOST_CLUSTERS = 8
# Samples that codebooks are designed on; `ratedist verify` has twice as many, and half as many codebooks.
DESIGN_SIZES = 25, 100, 400, 1600
# Of 50 × 50: errors that are wrong by 10% are seen by so many, and thresholds have no need of them.
NOISY_MATRICES = 200


# Of whole data sets at (50, 80), each of 4000 numbers: as many as resolve what is claimed. For them more at
# (6, 20), each of 120: there formulas that are wrong by one in n are seen by seven standard errors.
DATA_SETS, SMALL_DATA_SETS = 1000, 16_000


class QuickEvidence(Evidence):
    """With fewer data sets of the larger model, and all else as ``ratedist verify`` has it."""

    @property
    def data_sets(self) -> SimulationResult:
        return few_evidence(DATA_SETS).data_sets

    @property
    def correlated(self) -> dict[str, SimulationResult]:
        return few_evidence(SMALL_DATA_SETS).correlated


@functools.cache
def few_evidence(num_trials: int) -> Evidence:
    return Evidence(num_trials)


@functools.cache
def shared_evidence(num_trials: int) -> Evidence:
    return QuickEvidence(num_trials, tables=TABLES)


@pytest.fixture(scope="session", autouse=True)
def few_clusters():
    with pytest.MonkeyPatch.context() as patch:
        for module in (of_all, figure2):
            patch.setattr(module, "MAX_CLUSTERS", MOST_CLUSTERS)
        patch.setattr(empirical_design, "SIZES", DESIGN_SIZES)
        patch.setattr(low_rank, "THRESHOLD_TRIALS", NOISY_MATRICES)
        yield


@functools.cache
def shared_numbers(id: str) -> Numbers:
    (claim,) = (claim for claim in CLAIMS if claim.id == id)
    return claim.gather(shared_evidence(OTHER_TRIALS.get(id, TRIALS)))


@pytest.fixture(scope="session")
def evidence() -> Evidence:
    return shared_evidence(TRIALS)


@pytest.fixture(scope="session")
def numbers_of():
    """Numbers of a claim by its id, gathered when first asked for."""
    return shared_numbers


@pytest.fixture(scope="session")
def family() -> Family:
    """What a run of all claims is judged with."""
    return Family.of(shared_numbers(claim.id) for claim in CLAIMS)
