"""Writing results: where they may go, and how nothing half-written is left behind."""

from ratedist.files.targets import kind_of_file, require_target, require_writable
from ratedist.files.writing import scratch_file, write_together, written_beside

__all__ = [
    "kind_of_file",
    "require_target",
    "require_writable",
    "scratch_file",
    "write_together",
    "written_beside",
]
