"""What the site is made of, and the modules that make it, which are no package's."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
if str(DOCS) not in sys.path:
    sys.path.insert(0, str(DOCS))


def pages() -> list[pathlib.Path]:
    """Everything that a person wrote and the site shows: documents, first pages, notebooks."""
    written = [path for path in DOCS.rglob("*.md") if path.parent.name != "repository"]
    first = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "figures" / "README.md"]
    return sorted(written) + first + sorted((ROOT / "notebooks").glob("*.ipynb"))
