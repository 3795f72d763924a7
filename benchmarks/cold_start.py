"""What ``ratedist figure2`` costs from nothing, and with its programs kept, in parts.

    python benchmarks/cold_start.py

Seconds are those of processors, the least of three processes: other work on the machine makes them longer, by
a fifth at times. Each command runs in a process of its own, cold in an empty folder of compiled programs, and
warm with what the cold one left. Python's own bytecode is there before.
The parts are those of one more process. It runs the trials a second time, when all is compiled: what the
first time takes longer is tracing and compiling.
"""

from __future__ import annotations

import compileall
import os
import resource
import subprocess
import sys
import tempfile
import time

import ratedist

PARTS = """
import gc, sys, time
from ratedist.__main__ import COLLECTIONS
gc.set_threshold(*COLLECTIONS)
last = time.process_time()
def lap(name):
    global last
    now = time.process_time()
    print(f"  {name:44s}{now - last:7.2f}", flush=True)
    last = now
from ratedist.compilation_cache import keep_compilations
from ratedist.cli import parse
keep_compilations()
command = parse(["figure2"])
lap("command line, and what it is told")
import jax
jax.config.update("jax_enable_x64", True)
lap("import of JAX")
import scipy.special, scipy.linalg, scipy.optimize
lap("import of SciPy")
import pandas
lap("import of pandas")
from ratedist.experiments.figure2 import run
import ratedist.experiments.figure2_points, ratedist.simulation.runner
lap("import of the package")
programs, clock = [], {}
def heard(name, seconds, **kind):
    part = name.rsplit("/", 1)[1].removesuffix("_duration")
    clock[part] = clock.get(part, 0) + seconds
    if part == "backend_compile":
        programs.append(seconds)
jax.monitoring.register_event_duration_secs_listener(heard)
start = time.process_time()
table = run(command.config)
first = time.process_time() - start
kept = dict(clock)
start = time.process_time()
run(command.config)
second = time.process_time() - start
last = time.process_time()
print(f"  {'tracing and compiling':44s}{first - second:7.2f}")
by_clock = {"tracing": "jaxpr_trace", "lowering": "jaxpr_to_mlir_module", "compiling": "backend_compile"}
parts = ", ".join(f"{name} {kept.get(event, 0):.2f}" for name, event in by_clock.items())
print(f"    by the clock: {parts}; {len(programs)} programs")
print(f"  {'the trials, and the closed forms':44s}{second:7.2f}")
from ratedist.plotting.figure2 import draw_figure2
from ratedist.plotting.style import figure_bytes
lap("import of Matplotlib")
figure = draw_figure2(table.frame, "title")
lap("drawing")
figure_bytes(figure, "png")
lap("PNG")
figure_bytes(figure, "pdf")
lap("PDF")
table.csv(), table.json()
lap("CSV and JSON")
print(f"  {'all of these, and the trials again':44s}{time.process_time():7.2f}")
gc.freeze()
"""


def processor_seconds(arguments: list[str], cache: str, *, shown: bool = False) -> float:
    """Of a Python process with these arguments, all its threads together."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"RATEDIST_CACHE": cache}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    out = None if shown else subprocess.DEVNULL
    subprocess.run([sys.executable, *arguments], env=environment, check=True, stdout=out)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"{os.cpu_count()} cores, load {load}; seconds of processors")
    compileall.compile_dir(os.path.dirname(ratedist.__file__), quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        caches = [os.path.join(folder, f"programs{number}") for number in range(4)]
        figure2 = ["-m", "ratedist", "figure2", "--out", os.path.join(folder, "figures")]
        cold = min(processor_seconds(figure2, cache) for cache in caches[:3])
        print(f"ratedist figure2, cold    {cold:7.2f}")
        warm = min(processor_seconds(figure2, cache) for cache in caches[:3])
        print(f"ratedist figure2, warm    {warm:7.2f}")
        for kind, cache in (("cold", caches[3]), ("warm", caches[3])):
            print(f"parts, {kind}", flush=True)
            seconds = processor_seconds(["-c", PARTS], cache, shown=True)
            print(f"  {'with start and end of the process':44s}{seconds:7.2f}")
        start = time.perf_counter()
        seconds = min(processor_seconds(["-m", "ratedist", "--help"], caches[0]) for _ in range(3))
        clock = (time.perf_counter() - start) / 3
        print(f"ratedist --help           {seconds:7.2f}   by the clock {clock:.2f}")


if __name__ == "__main__":
    main()
