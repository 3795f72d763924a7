"""The command line: parses, switches double precision on, dispatches. Exit status 2 means bad input."""

from ratedist.cli.commands import main, parse

__all__ = ["main", "parse"]
