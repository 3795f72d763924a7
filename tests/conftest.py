"""Tests run in double precision and refuse silent rank promotion; the library itself sets neither."""

import os

# Many small linear solves: threads that wait for each other cost more than they compute.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import jax
import matplotlib as mpl

mpl.use("Agg")
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")

hypothesis.settings.register_profile("ratedist", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ratedist")
