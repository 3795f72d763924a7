"""Commands on files of tensors, as in the tests of commands."""

from tests.cli.conftest import classes_read_once

__all__ = ["classes_read_once"]
