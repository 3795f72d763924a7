"""``ratedist explore``: the explorer, in a browser."""

from __future__ import annotations

import dataclasses
from typing import Annotated, ClassVar

import tyro

from ratedist import _checks
from ratedist.cli.closing import Closing, Example

HIGHEST_PORT = 65535


@dataclasses.dataclass(frozen=True)
class ExploreCommand:
    """Open the explorer in a browser: pages with sliders, from a coin to why two clusters win.

    The pages are served to this machine alone, until Ctrl-C. They need no network. The folder that is
    printed can also be opened without this command, or copied to any web server.
    """

    closing: ClassVar = Closing(
        "It is there at once, and serves until Ctrl-C.",
        (
            Example("Open the pages in the browser", "ratedist explore"),
            Example(
                "Print their address only, at a port of your own", "ratedist explore --port 8765 --no-browser"
            ),
        ),
    )

    port: int = 0
    """Port to serve them at; 0 takes any that is free."""
    no_browser: Annotated[tyro.conf.UseCounterAction[int], tyro.conf.arg(help_behavior_hint="")] = 0
    """Print the address only, and open no browser."""

    def run(self) -> None:
        """Serve until a signal ends the process."""
        _checks.integer("port", self.port, 0, HIGHEST_PORT)
        from ratedist.explorer.server import FOLDER, address, server

        with server(self.port) as serving:
            url = address(serving.server_port)
            print(f"the explorer is at {url} until Ctrl-C\nits files: {FOLDER}/index.html", flush=True)
            if not self.no_browser:
                _open_browser(url)
            serving.serve_forever()


def _open_browser(url: str) -> None:
    """In a thread of its own: some browsers do not return until they are closed."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True, name="browser").start()
