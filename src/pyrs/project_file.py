"""project.pyrs: from a file's text to a Project, with every fault that is in it.

The types of pyrs.project_schema say what may stand where; this walks the text's nodes
beside them. A fault does not end the walk: a key that is wrong is left at its default
and told, so that one run shows all there is to mend. Whether what an entry names exists
is the business of pyrs.project, which adds its faults to the same list.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import UNSET, UnsetType, inspect

from pyrs import jsonc
from pyrs.config import contradictions
from pyrs.errors import PyrsError, reason_of
from pyrs.jsonc import Array, Member, Node, Object, Scalar, Spot
from pyrs.project_schema import (
    ENDPOINTS,
    Endpoint,
    Entry,
    ErrorHandler,
    Middleware,
    Project,
    project_type,
)

__all__ = ["Fault", "ProjectError", "ProjectFile", "nearest", "read_project_file"]

BOM: Final = b"\xef\xbb\xbf"


class Fault(NamedTuple):
    """One thing to mend in a project file."""

    file: str
    spot: Spot
    key: str  # "modules[0].path"; empty for the text as a whole
    message: str
    traceback: str = ""  # of user code that raised

    def __str__(self) -> str:
        place = f"{self.file}:{self.spot.line}:{self.spot.column}"
        message = f"{self.key}: {self.message}" if self.key else self.message
        trace = "".join(f"\n  {line}" for line in self.traceback.splitlines())
        return f"{place}: {message}{trace}"


class ProjectError(PyrsError):
    """A project that cannot be served; its text lists every fault, one a line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: fault.spot)
        super().__init__("\n".join(map(str, self.faults)))


@dataclass
class ProjectFile:
    """A project file as far as it could be read, its faults so far, and its places."""

    path: Path
    name: str  # as the user gave it, for messages
    project: Project = field(default_factory=lambda: Project(modules=[]))
    # Of modules, those with one whole endpoint; a path or methods that are faulty stand
    # there empty.
    entries: dict[int, Entry] = field(default_factory=dict)
    # The same of errors, by status, and of middleware.
    error_handlers: dict[str, ErrorHandler] = field(default_factory=dict)
    middleware: dict[int, Middleware] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    spots: dict[str, Spot] = field(default_factory=dict)  # of each key's value

    @property
    def folder(self) -> Path:
        """What relative paths and modules are found from."""
        return self.path.parent

    def fault(self, key: str, message: str, traceback: str = "") -> None:
        """Notes a fault at the value of a key, or at the nearest thing around it."""
        self.faults.append(self.make_fault(key, message, traceback))

    def make_fault(self, key: str, message: str, traceback: str = "") -> Fault:
        """The same, for a fault that is found later."""
        place = key
        while place not in self.spots and place:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        spot = self.spots.get(place, Spot(1, 1))
        return Fault(self.name, spot, key, message, traceback)


def read_project_file(path: str | os.PathLike[str]) -> ProjectFile:
    """Reads and checks a file; what is wrong with its content stands in `faults`.

    Raises PyrsError if there is no such file, or it cannot be read.
    """
    name = os.fspath(path)
    try:
        data = Path(name).read_bytes()
    except OSError as error:
        raise PyrsError(f"{name}: {_system_message(error)}") from None
    file = ProjectFile(Path(name).resolve(), name)
    try:
        root = jsonc.parse(data.removeprefix(BOM).decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fault = Fault(name, Spot(line, 1), "", "the file is not UTF-8")
        file.faults.append(fault)
    except jsonc.TextFault as error:
        file.faults.append(Fault(name, error.spot, "", error.message))
    else:
        _read_project(file, root)
    return file


def nearest(word: str, words: Iterable[str]) -> str:
    """'; did you mean "x"?', or nothing if no word is near."""
    known = {known.lower(): known for known in words}
    close = difflib.get_close_matches(word.lower(), known, n=1)
    return f'; did you mean "{known[close[0]]}"?' if close else ""


def _system_message(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return reason_of(error)


def _read_project(file: ProjectFile, root: Node) -> None:
    file.spots[""] = root.spot
    project = _read(file, "", root, project_type())
    if isinstance(project, Project):
        file.project = project
        for key, message in contradictions(project):
            file.fault(key, message)
    for member in root.members if isinstance(root, Object) else ():
        if member.key == "modules" and isinstance(member.node, Array):
            _check_endpoints(file, member.node)


def _read(file: ProjectFile, key: str, node: Node, kind: inspect.Type) -> object:
    """The node as a value of that type; UNSET, and a fault noted, if it is none."""
    bare, expected = _strip(kind)
    if isinstance(bare, inspect.StructType):
        return _read_struct(file, key, node, bare)
    if isinstance(bare, inspect.ListType):
        return _read_list(file, key, node, bare)
    if isinstance(bare, inspect.DictType):
        return _read_dict(file, key, node, bare)
    hint = ""
    if isinstance(node, Scalar):
        if _fits(node.value, bare):
            is_float = isinstance(bare, inspect.FloatType)
            return float(node.value or 0) if is_float else node.value
        if isinstance(bare, inspect.LiteralType):
            hint = nearest(str(node.value), map(str, bare.values))
    file.fault(key, f"found {node.text}, expected {expected}{hint}")
    return UNSET


def _read_list(
    file: ProjectFile, key: str, node: Node, kind: inspect.ListType
) -> list[object] | UnsetType:
    if not isinstance(node, Array):
        file.fault(key, f"found {node.text}, expected a list")
        return UNSET
    if kind.min_length and len(node.items) < kind.min_length:
        file.fault(
            key, f"found an empty list, expected at least {kind.min_length} item"
        )
    values = []
    for index, item in enumerate(node.items):
        place = f"{key}[{index}]"
        file.spots[place] = item.spot
        value = _read(file, place, item, kind.item_type)
        if value is not UNSET:
            values.append(value)
        if isinstance(value, Entry):
            file.entries[index] = value
        elif isinstance(value, Middleware):
            file.middleware[index] = value
    return values


def _read_dict(
    file: ProjectFile, key: str, node: Node, kind: inspect.DictType
) -> dict[str, object] | UnsetType:
    """An object whose keys are chosen by the user, within a pattern."""
    if not isinstance(node, Object):
        file.fault(key, f"found {node.text}, expected an object in braces")
        return UNSET
    key_type, expected = _strip(kind.key_type)
    values = {}
    for name, member in _first_members(file, key, node).items():
        place = _join(key, name)
        if not _fits(name, key_type):
            message = f'found "{name}", expected {expected}'
            file.faults.append(Fault(file.name, member.spot, key, message))
            continue
        file.spots[place] = member.node.spot
        value = _read(file, place, member.node, kind.value_type)
        if value is not UNSET:
            values[name] = value
        if isinstance(value, ErrorHandler):
            file.error_handlers[name] = value
    return values


def _read_struct(
    file: ProjectFile, key: str, node: Node, kind: inspect.StructType
) -> object:
    if not isinstance(node, Object):
        file.fault(key, f"found {node.text}, expected an object in braces")
        return UNSET
    fields = {field.encode_name: field for field in kind.fields}
    values: dict[str, object] = {}
    for name, member in _known_members(file, key, node, fields).items():
        place = _join(key, name)
        file.spots[place] = member.node.spot
        value = _read(file, place, member.node, fields[name].type)
        if value is not UNSET:
            values[fields[name].name] = value
    for target in kind.fields:
        if target.required and not any(
            member.key == target.encode_name for member in node.members
        ):
            _, expected = _strip(target.type)
            message = f'key "{target.encode_name}" is missing, expected {expected}'
            file.fault(key, message)
        if target.required:
            values.setdefault(target.name, _nothing(target.type))
    made: object = kind.cls(**values)
    return made


def _nothing(kind: inspect.Type) -> object:
    """What stands for a required value that was not there or was faulty."""
    bare, _ = _strip(kind)
    if isinstance(bare, inspect.ListType):
        return []
    assert isinstance(bare, inspect.StrType), "the schema requires another type now"
    return ""


def _known_members(
    file: ProjectFile, key: str, node: Object, names: Iterable[str]
) -> dict[str, Member]:
    """The first member of each known key; the others are faults."""
    members = _first_members(file, key, node)
    for name in [name for name in members if name not in names]:
        hint = nearest(name, names) or f", expected one of {_listed(names)}"
        _fault_at_name(file, key, members.pop(name), f"unknown key{hint}")
    return members


def _first_members(file: ProjectFile, key: str, node: Object) -> dict[str, Member]:
    """The first member of each key; the others are faults."""
    members: dict[str, Member] = {}
    for member in node.members:
        if first := members.get(member.key):
            message = f"found twice, first in line {first.spot.line}"
            _fault_at_name(file, key, member, message)
        else:
            members[member.key] = member
    return members


def _fault_at_name(file: ProjectFile, key: str, member: Member, message: str) -> None:
    place = _join(key, member.key)
    file.faults.append(Fault(file.name, member.spot, place, message))


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _check_endpoints(file: ProjectFile, modules: Array) -> None:
    """An entry has the keys of exactly one endpoint, and all that this one needs."""
    for index, node in enumerate(modules.items):
        if isinstance(node, Object):
            message = _endpoint_fault({member.key for member in node.members})
            if message:
                file.fault(f"modules[{index}]", message)
                file.entries.pop(index, None)


def _endpoint_fault(keys: set[str]) -> str:
    kinds = [kind for kind in ENDPOINTS if keys & _own_keys(kind)]
    if not kinds:
        ways = ", or ".join(_quoted(kind.required) for kind in ENDPOINTS)
        return f"found no endpoint, expected {ways}"
    if len(kinds) > 1:
        titles = " and ".join(kind.title for kind in kinds)
        return f"found two endpoints ({titles}), expected one"
    missing = [name for name in kinds[0].required if name not in keys]
    if missing:
        return f"missing {_quoted(missing)}, which a {kinds[0].title} needs"
    others = keys & _keys_of_endpoints() - {*kinds[0].required, *kinds[0].optional}
    if others:
        return f"found {_quoted(sorted(others))}, which a {kinds[0].title} has not"
    return ""


def _keys_of_endpoints() -> set[str]:
    return {key for kind in ENDPOINTS for key in (*kind.required, *kind.optional)}


def _own_keys(kind: Endpoint) -> set[str]:
    """Keys that no other kind has."""
    others = {
        key
        for other in ENDPOINTS
        if other is not kind
        for key in (*other.required, *other.optional)
    }
    return {*kind.required, *kind.optional} - others


def _fits(value: object, kind: inspect.Type) -> bool:
    """As msgspec itself checks a scalar; a test holds the two together."""
    match kind:
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType(ge=low, le=high):
            return type(value) is int and _within(value, low, high)
        case inspect.FloatType(ge=low, le=high):
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            return _within(value, low, high)
        case inspect.LiteralType(values=values):
            return isinstance(value, str) and value in values
        case inspect.StrType(min_length=least, max_length=most, pattern=pattern):
            if not isinstance(value, str) or (
                pattern and not re.search(pattern, value)
            ):
                return False
            return (least or 0) <= len(value) and (most is None or len(value) <= most)
    raise AssertionError(f"the schema has a type that is not checked here: {kind}")


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or low <= value) and (high is None or value <= high)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _quoted(names: Iterable[str]) -> str:
    return " and ".join(f'"{name}"' for name in names)


def _strip(kind: inspect.Type) -> tuple[inspect.Type, str]:
    """The type without its wrappings, and how a message calls what it takes."""
    told = ""
    while True:
        if isinstance(kind, inspect.Metadata):
            told = told or (kind.extra or {}).get("expected", "")
            kind = kind.type
        else:
            return kind, told or _expected(kind)


def _expected(kind: inspect.Type) -> str:
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            return f"a whole number from {low} to {high}"
        case inspect.FloatType(ge=low, le=high):
            return f"a number from {low} to {high}"
        case inspect.LiteralType(values=values):
            return f"one of {_listed(map(str, values))}"
        case inspect.StrType(min_length=least):
            return "text that is not empty" if least else "text"
        case inspect.ListType():
            return "a list"
        case inspect.StructType() | inspect.DictType():
            return "an object in braces"
    raise AssertionError(f"the schema has a type without words for it: {kind}")
