"""The documentation site in a browser, from its files with the network off: every page, at every size.

    pip install -e '.[docs]' && sphinx-build -M html docs build && python benchmarks/site.py --shots shots

It needs a Chromium, and says so where there is none. Exit status 1 if something is wrong.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from typing import Any

from browser import SIZES, add_options, chromium

THEMES = ("light", "dark")
# Words to look for, each with a page that has to be found.
SEARCHES = {"kmeans": "compressors", "oracle": "theory", "ridge": "description-length"}

# What sticks out of the page to the right, and is in nothing that scrolls by itself.
SIDEWAYS = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= innerWidth) return [];
  const wide = [...document.querySelectorAll('article *')].filter((one) => {
    if (one.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let box = one.parentElement; box; box = box.parentElement)
      if (/auto|scroll|hidden/.test(getComputedStyle(box).overflowX)) return false;
    return true;
  });
  return [`${root.scrollWidth} px wide`, ...wide.slice(0, 3).map((one) => `${one.tagName} ${one.className}`)];
}"""
# Formulas that MathJax could not set, or has not set.
UNSET = """() => {
  const all = [...document.querySelectorAll('.math')].filter((one) => !one.querySelector('mjx-container'));
  const wrong = document.querySelectorAll('mjx-merror, [data-mjx-error]');
  return [...all, ...wrong].map((one) => one.textContent.slice(0, 60));
}"""
# Pictures that did not come.
MISSING = "[...document.images].filter((one) => one.complete && !one.naturalWidth).map((one) => one.src)"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=pathlib.Path, default=pathlib.Path("build/html"))
    add_options(parser)
    parser.add_argument("--only", default="", help="only pages whose path has this in it")
    options = parser.parse_args()
    site = options.site.resolve()
    pages = [path for path in sorted(site.rglob("*.html")) if options.only in str(path.relative_to(site))]
    pages = [path for path in pages if path.relative_to(site).parts[0] not in ("_modules", "explorer")]
    if not pages:
        print(f"the site was not looked at: there is none in {site} (sphinx-build -M html docs build)")
        return 1
    faults: list[str] = []
    with chromium(options.chromium, "the site") as browser:
        for size in SIZES:
            for theme in THEMES if size[0] in (360, 1280) else THEMES[:1]:
                look_at(browser, site, pages, size, theme, faults, options.shots)
        if not options.only:
            search(browser, site, faults)
    for fault in faults:
        print(f"fault: {fault}")
    print(f"{len(pages)} pages at {len(SIZES)} sizes, light and dark: {len(faults)} faults")
    return 1 if faults else 0


def opened(browser: Any, size: tuple[int, int], theme: str, faults: list[str]) -> Any:
    """A tab without network, whose errors and requests to anything but files become faults."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, offline=True
    )
    tab = context.new_page()

    def fault(kind: str, text: str) -> None:
        faults.append(f"{pathlib.Path(tab.url).name} {size[0]} px {kind}: {text}")

    def seen(request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            fault("asks the network", request.url)

    tab.on("request", seen)
    tab.on("requestfailed", lambda request: fault("did not get", request.url))
    tab.on("console", lambda message: message.type in ("error", "warning") and fault("console", message.text))
    tab.on("pageerror", lambda error: fault("error", str(error)))
    return tab


def look_at(
    browser: Any,
    site: pathlib.Path,
    pages: list[pathlib.Path],
    size: tuple[int, int],
    theme: str,
    faults: list[str],
    shots: pathlib.Path | None,
) -> None:
    """Every page at one size: faults, scrolling, formulas, pictures; a picture of it."""
    tab = opened(browser, size, theme, faults)
    for path in pages:
        name = str(path.relative_to(site).with_suffix(""))
        tab.goto(path.as_uri())
        if tab.locator(".math").count():
            tab.evaluate("MathJax.startup.promise")
        found = tab.evaluate(SIDEWAYS) + tab.evaluate(UNSET) + tab.evaluate(MISSING)
        faults.extend(f"{name} {size[0]} px {theme}: {one}" for one in found)
        if shots is not None:
            shots.mkdir(parents=True, exist_ok=True)
            tab.screenshot(path=shots / f"{name.replace('/', '.')} {size[0]} {theme}.png")
    tab.context.close()


def search(browser: Any, site: pathlib.Path, faults: list[str]) -> None:
    """A word typed on the front page finds its page, from files alone."""
    tab = opened(browser, SIZES[2], THEMES[0], faults)
    for word, page in SEARCHES.items():
        tab.goto((site / "index.html").as_uri())
        tab.fill(".sidebar-search", word)
        tab.press(".sidebar-search", "Enter")
        tab.wait_for_selector("#search-results li a")
        tab.wait_for_timeout(500)
        found = tab.evaluate("[...document.querySelectorAll('#search-results li a')].map((one) => one.href)")
        print(f"search for {word}: {len(found)} results")
        if not any(page in one for one in found):
            faults.append(f"search for {word} does not find {page}")
    tab.context.close()


if __name__ == "__main__":
    sys.exit(main())
