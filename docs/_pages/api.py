"""The pages of the API: every public name once, by its shortest name, in the family in which help has it."""

from __future__ import annotations

import inspect
import pathlib
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import ratedist as rd
from _pages.generated import write

FOLDER = pathlib.Path("api") / "reference"
# Rooms in the order of their pages, with their titles; `theory` has a page for each of its families.
ROOMS = {
    "linear_model": "Linear model",
    "compressors": "Compressors",
    "simulation": "Simulation",
    "theory": "Theory",
    "quantizers": "Quantisers",
    "lowrank": "Matrices of low rank",
    "tensors": "Tensors and models",
    "container": "Files",
    "codes": "Codes",
    "networks": "Networks",
    "plotting": "Pictures",
    "claims": "Claims",
    "units": "Units",
}
# Names of `rd` that are in no room, and the room whose page has them.
GUESTS = {"Estimate": "simulation"}


# Numbers and tuples have no docstring of their own.
CONSTANTS = {
    "ratedist.claims.CLAIMS": "Every claim, in the order of :doc:`the table of verdicts </verdicts>`.",
    "ratedist.theory.BITS_BACK_REFUND": "½ ln(2πe/12) nats a weight, 0.2546 bit: "
    "by so much bits back beats the best two-part code at high resolution.",
    "ratedist.units.NATS_PER_BIT": "ln 2, about 0.693.",
}


class Family(NamedTuple):
    """A page: its file, its title, what it says first, and names under subtitles ("" is none)."""

    file: str
    title: str
    says: str
    names: dict[str, list[str]]

    def all_names(self) -> list[str]:
        return [name for group in self.names.values() for name in group]


def families() -> list[Family]:
    """All pages in their order."""
    return [family for room in ROOMS for family in (_theory() if room == "theory" else [_room(room)])]


def _theory() -> Iterator[Family]:
    """Families as ``help(rd.theory)`` lists them: titles at the margin, subtitles in, names further in."""
    text = str(rd.theory.__doc__).split("by its family:\n", 1)[1]
    for block in re.split(r"\n\n(?=\S)", text.strip()):
        title, *lines = block.splitlines()
        names: dict[str, list[str]] = {}
        subtitle = ""
        for line in lines:
            if line.startswith(" " * 8):
                names.setdefault(subtitle, []).extend(
                    f"ratedist.theory.{one}" for one in re.findall(r"\w+", line)
                )
            else:
                subtitle = line.strip()
        slug = re.sub(r"\W+", "-", re.split(r"[:,]", title)[0].lower()).strip("-")
        yield Family(f"theory-{slug}", f"Theory: {title[0].lower()}{title[1:]}", "", names)


def _room(name: str) -> Family:
    """Names of a room: first those that are also names of ``rd``."""
    room = getattr(rd, name)
    listed = getattr(room, "__all__", None) or _own_names(room)
    at_the_door = [one for one in dir(rd) if one in listed and getattr(rd, one) is getattr(room, one)]
    at_the_door += [guest for guest, place in GUESTS.items() if place == name]
    inside = sorted(set(listed) - set(at_the_door), key=lambda one: (one.lower(), one))
    names = {
        "In `rd`": [f"ratedist.{one}" for one in at_the_door],
        f"In `rd.{name}`": [f"ratedist.{name}.{one}" for one in inside],
    }
    says = inspect.cleandoc(room.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    return Family(
        name.replace("_", "-"), ROOMS[name], says, {key: some for key, some in names.items() if some}
    )


def _own_names(room: ModuleType) -> list[str]:
    """Of a module without a list: what it defines, no module, no type variable."""
    return [
        name
        for name, value in vars(room).items()
        if not name.startswith("_") and (isinstance(value, float) or _is_of(value, room.__name__))
    ]


def _is_of(value: Any, module: str) -> bool:
    return (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ == module


def write_pages(source: pathlib.Path) -> None:
    """All pages into the sources; those of families that are no more are dropped."""
    folder = pathlib.Path(source) / FOLDER
    pages = {f"{family.file}.rst": page(family) for family in families()}
    for path in folder.glob("*.rst"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        write(folder / name, text)


def page(family: Family) -> str:
    """One page: its names in a line each, then each in full."""
    parts = [heading(family.title, "="), family.says]
    for subtitle, names in family.names.items():
        if subtitle:
            shown = subtitle[0].upper() + subtitle[1:]
            parts.append(heading(re.sub(r"`(.*?)`", r"``\1``", shown).replace("w*", r"w\*"), "-"))
        parts += [entry(name) for name in names]
    return "\n\n".join(part for part in parts if part) + "\n"


def heading(title: str, line: str) -> str:
    return f"{title}\n{line * len(title)}"


def entry(name: str) -> str:
    """What autodoc is asked for a name."""
    module, _, attribute = name.rpartition(".")
    value = getattr(rd if module == "ratedist" else getattr(rd, module.split(".")[1]), attribute)
    if inspect.isclass(value):
        return f".. autoclass:: {name}\n   :members:"
    if callable(value):
        return f".. autofunction:: {name}"
    return f".. py:data:: {name}\n\n   {CONSTANTS[name]}"
