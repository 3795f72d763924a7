"""Memory of one batch that is there for the next one."""

import numpy as np

# Of at most 32 MiB, or glibc does not go by it.
FREED_BYTES = 31 * 2**20


def keep_what_is_freed() -> None:
    """Have the process keep up to 62 MiB of freed memory, where glibc allocates it.

    Otherwise the arrays of a batch may go back to the system, and the next batch fetches every page anew.
    glibc keeps twice the largest block that was freed so far, if that had at most 32 MiB. This one is never
    written to, and so takes no memory. Elsewhere nothing changes.

    Source: mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, which are set from outside in place of this.
    """
    np.empty(FREED_BYTES, np.uint8)
