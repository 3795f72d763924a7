"""The command line: parses, switches double precision on, dispatches. Exit status 2 means bad input."""

from ratedist.cli.main import entry_point, main, parse

__all__ = ["entry_point", "main", "parse"]
