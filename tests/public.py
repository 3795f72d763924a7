"""What a user can reach and read: public functions, classes and their methods, by the shortest name."""

import inspect
from types import ModuleType
from typing import Any

import ratedist as rd

ROOMS = tuple(name for name in rd.__all__ if isinstance(getattr(rd, name), ModuleType))
DOORS = {"rd": rd} | {f"rd.{room}": getattr(rd, room) for room in ROOMS}


def public_objects() -> dict[str, Any]:
    """Functions and classes of this package behind its doors; what is behind two is named by the first."""
    found: dict[int, tuple[str, Any]] = {}
    for door, room in DOORS.items():
        for name in getattr(room, "__all__", vars(room)):
            value = getattr(room, name)
            own = str(getattr(value, "__module__", "")).startswith("ratedist")
            if own and not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value)):
                found.setdefault(id(value), (f"{door}.{name}", value))
    return dict(found.values())


def public_docstrings() -> dict[str, str]:
    """The docstrings of public objects and of the public methods and properties of classes."""
    documents = {}
    for name, value in public_objects().items():
        documents[name] = value.__doc__
        if inspect.isclass(value):
            for attribute, member in vars(value).items():
                function = getattr(member, "fget", getattr(member, "__func__", member))
                if inspect.isfunction(function) and not attribute.startswith("_"):
                    documents[f"{name}.{attribute}"] = function.__doc__
    return {name: inspect.cleandoc(document) for name, document in documents.items() if document}
