"""What can be asked of a built site without a browser."""

import html.parser
import pathlib
import re
import urllib.parse
from collections.abc import Iterator

# What a browser gets by itself; a link is followed by its reader.
FETCHED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data"}


class Page(html.parser.HTMLParser):
    """A page's places, what it gets, and where it leads."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self.path = path
        self.places: set[str] = set()
        self.gets: set[str] = set()
        self.leads: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        if FETCHED.get(tag) in given:
            self.gets.add(given[FETCHED[tag]])
        if tag == "a" and "href" in given:
            self.leads.add(given["href"])


def faults(site: pathlib.Path) -> Iterator[str]:
    """What is got from elsewhere, and links to files or places that are not there."""
    pages = {path: Page(path) for path in site.rglob("*.html")}
    for path, page in pages.items():
        name = path.relative_to(site)
        yield from (f"{name} gets {one}" for one in page.gets if _is_outside(one))
        for link in page.gets | page.leads:
            if _is_outside(link) or link.startswith(("data:", "mailto:")):
                continue
            link = re.sub(r"(explorer/index.html)#.*", r"\1", link)  # what follows is a state, not a place
            parts = urllib.parse.urlsplit(link)
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            place = urllib.parse.unquote(parts.fragment)
            if not target.exists():
                yield f"{name} leads to {link}, which is not there"
            elif name.parts[0] == "_modules":
                continue  # Sphinx takes all names of a module to be of one room, and misses those of another
            elif place and target in pages and place not in pages[target].places and "?" not in place:
                yield f"{name} leads to a place that is not there: {link}"


def _is_outside(link: str) -> bool:
    return link.startswith(("http:", "https:", "//"))
