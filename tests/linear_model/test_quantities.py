"""Names that are written once and taken everywhere."""

import subprocess
import sys
from typing import get_args

from ratedist.experiments import diameter, figure2
from ratedist.experiments.figure2_config import CHOICES
from ratedist.linear_model.quantities import RISK_NAMES, Risks, SamplerName
from ratedist.linear_model.samplers import SAMPLERS
from ratedist.simulation.estimates import RiskEstimates


def test_risks() -> None:
    assert Risks._fields == RISK_NAMES
    assert all(isinstance(getattr(RiskEstimates, name), property) for name in RISK_NAMES)
    assert sorted(figure2.QUANTITIES) == sorted(RISK_NAMES)
    assert diameter.QUANTITIES == ("population_risk", "distortion", "generalization_error")


def test_samplers() -> None:
    """What the command line offers is what there is."""
    assert get_args(SamplerName) == CHOICES["sampler"] == ("auto", *SAMPLERS)


def test_names_need_no_jax() -> None:
    code = "import sys, ratedist.linear_model.quantities; print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n", done.stderr
