"""The explorer's files, and a server of them for this machine alone."""

from __future__ import annotations

import functools
import pathlib
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

FOLDER = pathlib.Path(__file__).parent / "static"
HOST = "127.0.0.1"


class _Quiet(SimpleHTTPRequestHandler):
    """Files without a line of log each. A browser asks again whether they are new."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def end_headers(self) -> None:
        """Have an updated package's pages shown, not those that the browser kept."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


def server(port: int) -> ThreadingHTTPServer:
    """A server of the explorer, bound to a port of this machine; ``serve_forever`` starts it.

    Args:
        port: 0 for any that is free.

    Raises:
        ValueError: a port that is taken, or not for this user.
    """
    try:
        return ThreadingHTTPServer((HOST, port), functools.partial(_Quiet, directory=str(FOLDER)))
    except OSError as error:
        raise ValueError(
            f"port {port} cannot be served: {error.strerror}; --port 0 takes a free one"
        ) from None


def address(port: int) -> str:
    """Where a browser finds the explorer."""
    return f"http://{HOST}:{port}/"
