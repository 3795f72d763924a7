"""What one batch has freed is there for the next one."""

import platform
import subprocess
import sys

import pytest

# Nine arrays of 4 MiB are freed together: glibc by itself then keeps 8 MiB, and after the call 62.
PROGRAM = """
import resource
import numpy as np
from ratedist.simulation.memory import keep_what_is_freed

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        several = [np.ones(2**19) for _ in range(9)]
        del several
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
keep_what_is_freed()
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_no_page_is_fetched_twice(monkeypatch) -> None:
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before > 1000  # else there is nothing to keep
    assert after < before / 50
