"""Commands beside the experiments that they run, whose tables need not be computed twice."""

from tests.cli.conftest import ratedist, traces_kept  # noqa: F401 - fixtures
