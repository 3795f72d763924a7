"""A Chromium for benchmarks that look at pages: on a phone, a tablet, a laptop and a projector."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZES = [(360, 740), (768, 1024), (1280, 720), (1920, 1080)]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which Chromium, and where its pictures go."""
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    parser.add_argument("--shots", type=pathlib.Path)


@contextlib.contextmanager
def chromium(path: str | None, what: str) -> Iterator[Any]:
    """The browser. Without one the programme ends with status 1, and says that ``what`` was not looked at."""
    try:
        from playwright.sync_api import sync_playwright  # pyright: ignore[reportMissingImports]
    except ImportError:
        print(f"{what} was not looked at: there is no Playwright (pip install playwright)")
        raise SystemExit(1) from None
    if not path:
        print(f"{what} was not looked at: there is no Chromium (apt-get install chromium)")
        raise SystemExit(1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
