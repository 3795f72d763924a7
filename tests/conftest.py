"""Tests run in double precision and refuse silent rank promotion; the library itself sets neither."""

import contextlib
import ctypes
import functools
import gc
import itertools
import os
import pathlib
import shutil
import signal

import jaxlib.version

# Many small linear solves: threads that wait for each other cost more than they compute.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Most of the time of the tests is compilation. LLVM at -O1 and for size, loops that are not unrolled, older
# emitters of loops and one piece a program take less than half of it. Simulated risks and rates are those of
# JAX's own choice but for the last digit of some. At -O0 products are not fused with sums: other numbers.
FLAGS = {
    "--xla_backend_optimization_level": "1",
    "--xla_backend_extra_options": "xla_cpu_optimize_for_size=true,xla_cpu_disable_loop_unrolling=true",
}
if jaxlib.version.__version_info__ < (0, 11):  # a flag that XLA does not know any more ends the process
    FLAGS |= {"--xla_cpu_use_fusion_emitters": "false", "--xla_cpu_parallel_codegen_split_count": "1"}
for flag, value in FLAGS.items():
    if flag not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}={value}".strip()
# Where in the source each operation of a lowered program came from: no test reads it, and to write it down
# takes a twentieth of a run that compiles everything. JAX reads this as it is imported.
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")

import hypothesis
import pytest

from ratedist.compilation_cache import machine

hypothesis.settings.register_profile("ratedist", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=500)
hypothesis.settings.load_profile("ratedist")

# Of compiled programs: what a run of the whole suite leaves is about a tenth of it.
MOST_BYTES = 400_000_000
# Bytes in use after a test, from which on what is compiled is dropped: each shape of a simulation keeps some
# 50 MB. It is read again from the cache on disk, which takes far less than to compile it.
MUCH_MEMORY = 1_150_000_000
# Of them, what has to be new since the last time, or the same little would be dropped after every test.
NEW_MEMORY = 450_000_000
# Bytes in use from which on it is dropped before tests whose compiler alone takes 0.7 GB.
SOME_MEMORY = 600_000_000
# Programs that share a context of MLIR: it has the constants of all of them for as long as one is there.
PROGRAMS_TOGETHER = 100
# Objects made between two collections of garbage, and of those the collections between two of older objects.
# To trace a program makes tens of thousands of objects, and next to none of them is garbage in circles.
GARBAGE = 50_000, 20, 50
# Where nothing takes long: `pytest -m fast` runs this, and imports no other tests.
FAST = (
    "tests/codes/",
    "tests/container/",
    "tests/linear_model/",
    "tests/tensors/",
    "tests/quantizers/scalar/",
    "tests/theory/bounds/",
    "tests/theory/sources/",
    "tests/cli/test_quantize",
    "tests/test_",
)
# Seconds each, in the same folders.
NOT_FAST = (
    "tests/cli/test_quantize_options.py",
    "tests/codes/test_bits_back.py",
    "tests/codes/test_many_streams.py",
    "tests/container/test_hostile_forms.py",
    "tests/container/test_rdz_index.py",
    "tests/linear_model/test_multi_output_law.py",
    "tests/linear_model/test_variates.py",
    "tests/quantizers/scalar/test_exact_optimum.py",
    "tests/quantizers/scalar/test_lloyd_starts.py",
    "tests/tensors/test_allocation.py",
    "tests/tensors/test_budget.py",
    "tests/tensors/test_hidden_errors.py",
    "tests/tensors/test_histogram.py",
    "tests/tensors/test_model_files.py",
    "tests/tensors/test_pruning_files.py",
    "tests/tensors/test_tensor.py",
    "tests/theory/bounds/test_conditional_cgf.py",
    "tests/theory/sources/test_continuous_sources.py",
    "tests/test_compilation_cache.py",
    "tests/test_doctests.py",
    "tests/test_how_to.py",
    "tests/test_notebook_text.py",
    "tests/test_notebooks.py",
    "tests/test_readme.py",
)
# What goes to one worker as a whole and takes longest, the longest first: begun last, one worker would be
# alone with it.
LONGEST = (
    "tests/claims/",
    "tests/test_notebooks.py",
    "tests/simulation/test_simulation.py",
    "tests/simulation/test_multi_output_simulation.py",
    "tests/cli/test_command_line.py",
    "tests/quantizers/traced/",
    "tests/experiments/",
    "tests/simulation/",
    "tests/compressors/",
    "tests/tensors/test_budget.py",
    "tests/networks/",
    "tests/test_doctests.py",
)


def is_fast(file: str) -> bool:
    return file.startswith(FAST) and file not in NOT_FAST


def pytest_configure(config: pytest.Config) -> None:
    # Of a run in the background Ctrl-C is ignored, and would be by the commands that tests interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.set_threshold(*GARBAGE)
    _share_compilations(config)
    # What hands out tests to workers runs none, and they wait until it is there.
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        _set_up()


def _set_up() -> None:
    import jax
    import matplotlib as mpl
    import threadpoolctl

    # Plugins of pytest, such as jaxtyping's, load NumPy before the variable above is set.
    threadpoolctl.threadpool_limits(1, user_api="blas")
    mpl.use("Agg")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_numpy_rank_promotion", "raise")
    _share_contexts()


def _share_contexts() -> None:
    """Of MLIR: JAX makes one for each program, in two milliseconds, and keeps its 1.2 MB with the program."""
    try:
        from jax._src.interpreters import mlir

        fresh = mlir.make_ir_context
    except (ImportError, AttributeError):  # not public: without it tests take a little longer
        return
    count, context = itertools.count(), functools.lru_cache(maxsize=1)(lambda _: fresh())
    mlir.make_ir_context = lambda: context(next(count) // PROGRAMS_TOGETHER)


def pytest_itemcollected(item: pytest.Item) -> None:
    if is_fast(item.nodeid.partition("::")[0]) and item.get_closest_marker("slow") is None:
        item.add_marker("fast")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In the workers of pytest-xdist what takes longest comes first."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: [not item.nodeid.startswith(one) for one in LONGEST])


def pytest_ignore_collect(collection_path: pathlib.Path, config: pytest.Config) -> bool | None:
    if config.option.markexpr != "fast" or collection_path.suffix != ".py":
        return None
    return None if is_fast(collection_path.relative_to(config.rootpath).as_posix()) else True


def pytest_collection_finish() -> None:
    """What is imported stays, so no collection of garbage needs to look at it."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With ``--dist loadscope``: all claims to one worker, which gathers them once; what is longest first."""
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith("tests/claims/"):
                return "tests/claims"
            return super()._split_scope(nodeid)

    config.option.loadscopereorder = False  # not by how many tests there are, but as they are collected
    return Scheduling(config, log)


def _share_compilations(config: pytest.Config) -> None:
    """Keep what JAX compiles, for the other workers, for processes that tests start and for the next run.

    A convenience: where the folder cannot be made or an entry is refused, JAX compiles as it always does.
    """
    if not hasattr(config, "cache") or "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    try:
        folder = config.cache.mkdir(f"jax-{machine()}")
        if not hasattr(config, "workerinput"):
            _empty_if_large(folder)
    except OSError:
        return
    # JAX, which is not imported yet, reads them, and so do workers and what tests start.
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.0"


def _empty_if_large(folder: pathlib.Path) -> None:
    if sum(path.stat().st_size for path in folder.iterdir()) > MOST_BYTES:
        shutil.rmtree(folder)
        folder.mkdir()


@pytest.fixture
def some_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of a nat for every tensor: to find the limit takes longer than to quantise a few weights.

    For tests of everything else. Limits are tested by tests/tensors/test_limit.py and the tests of audits.
    """
    from ratedist.theory.sources.brackets import Limit

    monkeypatch.setattr("ratedist.tensors.limit.limit_of", lambda *_, **__: Limit(0.1, 0.1))


@pytest.fixture
def none_dropped() -> None:
    """For tests that count compilations of simulations: those are not dropped in their midst."""
    from ratedist.simulation import engine

    engine._kept.clear()


@pytest.fixture(scope="module")
def room_to_compile() -> None:
    """For tests whose one program takes most memory to compile: nothing of others is kept beside it."""
    if _resident() > SOME_MEMORY:
        drop_what_is_compiled()


def pytest_runtest_logfinish(nodeid: str, location: object) -> None:
    """What is compiled does not stay to the end of the run."""
    if _resident() > max(MUCH_MEMORY, _least + NEW_MEMORY):
        drop_what_is_compiled()


_least = 0


def drop_what_is_compiled() -> None:
    """All of it, and give the memory back."""
    import jax

    global _least
    jax.clear_caches()
    gc.collect(1)  # of what is old there is a lot, and next to nothing of it is garbage
    with contextlib.suppress(AttributeError, OSError):  # glibc's alone
        ctypes.CDLL(None).malloc_trim(0)
    _least = _resident()


def _resident() -> int:
    """Bytes of memory that this process has now, 0 where that is not known."""
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
