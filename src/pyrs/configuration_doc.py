"""What is generated from pyrs.project_schema: the JSON Schema, docs/configuration.md.

    python -m pyrs.configuration_doc FOLDER

writes both into a checkout of pyrs; a test fails when they are not current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, UNSET, inspect

from pyrs.config import Limits, Settings, Timeouts
from pyrs.project_schema import (
    ENDPOINTS,
    Endpoint,
    Entry,
    EntryOptions,
    ErrorHandler,
    Middleware,
    Project,
)

__all__ = ["configuration_page", "json_schema", "main"]

SCHEMA_PATH: Final = "src/pyrs/project.schema.json"
PAGE_PATH: Final = "docs/configuration.md"

INTRODUCTION: Final = """\
# project.pyrs

<!-- Generated from pyrs.project_schema by `python -m pyrs.configuration_doc .` -->

A project is one file: JSON with `//` and `/* */` comments and trailing commas, in
UTF-8. `pyrs project.pyrs` serves it, `pyrs check project.pyrs` only checks it, and
`pyrs new FOLDER` begins one. Relative folders, files and modules are found from the
file's own folder, whatever the working directory.

```jsonc
{
  "$schema": "./project.schema.json",
  "http_listen_port": 8094,
  "modules": [
    {"path": "/hello", "module": "main", "class": "Api", "handler": "hello"},
    {"path": "/users/{id:int}", "module": "users", "handler": "show"},
  ],
}
```

Whatever is wrong with a file stops the start, with one message for each fault: file,
line and column, key, what was found and what was expected.

`"$schema"` lets editors complete and explain the keys; `pyrs new` puts the schema
beside the project. An editor has to know that `*.pyrs` is JSON with comments; in Visual
Studio Code that is `"files.associations": {"*.pyrs": "jsonc"}`.

Options of the [command line](command-line.md) stand above the file, the file above the
defaults.
"""

SECTIONS: Final = (
    (
        "Keys",
        Project,
        "All keys may be left out, except `modules`.",
    ),
    (
        "`modules`",
        Entry,
        "Each entry has a `path`, `methods` if it does not answer all of them, and the "
        "keys of one endpoint: {endpoints}. Each entry gets its own instance of its "
        "class, made once, at start, in the order of the file.",
    ),
    (
        "`errors`",
        ErrorHandler,
        'An object of statuses, `{{"404": {{"module": "pages", "handler": '
        '"not_found"}}}}`. The handler is called when a Python handler raised an '
        "`HTTPError` of this status, or for 500 any other exception, and when there is "
        "no route (404) or none for the method (405). What it returns without a status "
        "of its own keeps the error's status and headers. A response that a handler "
        "returned is left as it is, whatever its status.",
    ),
    (
        "`middleware`",
        Middleware,
        "Each class has a method `before(request)`, a method `after(request, "
        "response)`, or both. What `before` returns, unless it is `None`, answers "
        "instead of the handler. `after` gets the `pyrs.Response`, of an error too; it "
        "may change it, or return another. It runs for those whose `before` has run, "
        "the last one first. Requests that C functions answer pass by.",
    ),
    ("`limits`", Limits, "How much a client may send."),
    (
        "`timeouts`",
        Timeouts,
        "How long a client, or a handler, may keep the server waiting.",
    ),
)


def json_schema() -> str:
    """The JSON Schema of project.pyrs, as the text of its file."""
    schema = msgspec.json.schema(Project)
    entry = schema["$defs"]["Entry"]
    entry["oneOf"] = [{"required": list(kind.required)} for kind in ENDPOINTS]
    for name, kinds in _kinds_by_key().items():
        entry.setdefault("dependentSchemas", {})[name] = {
            "anyOf": [{"required": [kind.required[0]]} for kind in kinds]
        }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "project.pyrs",
        **schema,
        "allowComments": True,  # these two are Visual Studio Code's
        "allowTrailingCommas": True,
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def _kinds_by_key() -> dict[str, list[Endpoint]]:
    """The kinds of endpoints that have a key, if it is not the one that tells them."""
    kinds: dict[str, list[Endpoint]] = {}
    for kind in ENDPOINTS:
        for name in (*kind.required[1:], *kind.optional):
            kinds.setdefault(name, []).append(kind)
    return kinds


def configuration_page() -> str:
    """docs/configuration.md, as the text of its file."""
    endpoints = "; ".join(
        f"a {kind.title} has {_codes(kind.required)}"
        + (f" and may have {_codes(kind.optional)}" if kind.optional else "")
        for kind in ENDPOINTS
    )
    parts = [INTRODUCTION]
    for title, kind, text in SECTIONS:
        rows = "\n".join(_row(field) for field in _fields(kind))
        text = text.format(endpoints=endpoints)
        head = "| key | value | default | |\n|---|---|---|---|"
        parts.append(f"## {title}\n\n{text}\n\n{head}\n{rows}\n")
    return "\n".join(parts)


def main(argv: Sequence[str]) -> int:
    """Writes the generated files into the checkout that is named."""
    if len(argv) != 1:
        print("usage: python -m pyrs.configuration_doc FOLDER", file=sys.stderr)
        return 2
    folder = Path(argv[0])
    (folder / SCHEMA_PATH).write_text(json_schema(), encoding="utf-8")
    (folder / PAGE_PATH).write_text(configuration_page(), encoding="utf-8")
    return 0


def _fields(kind: type[msgspec.Struct]) -> list[inspect.Field]:
    """A struct's own fields before the inherited ones."""
    struct = inspect.type_info(kind)
    assert isinstance(struct, inspect.StructType)
    parents = {Project: Settings, Entry: EntryOptions}
    inherited = parents[kind].__struct_fields__ if kind in parents else ()
    return sorted(struct.fields, key=lambda field: field.name in inherited)


def _row(field: inspect.Field) -> str:
    told: dict[str, Any] = {}
    kind = field.type
    while isinstance(kind, inspect.Metadata):
        told |= (kind.extra_json_schema or {}) | (kind.extra or {})
        kind = kind.type
    description = told.get("description", "").replace("|", "\\|")
    value = told.get("expected") or _value(kind)
    value += f", {told['unit']}" if "unit" in told else ""
    return f"| `{field.encode_name}` | {value} | {_default(field)} | {description} |"


def _value(kind: inspect.Type) -> str:
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            return f"integer, {_number(low)} to {_number(high)}"
        case inspect.FloatType(ge=low, le=high):
            return f"number, {_number(low)} to {_number(high)}"
        case inspect.StrType():
            return "text"
        case inspect.ListType():
            return "list"
        case inspect.DictType():
            return "object"
        case inspect.StructType(cls=cls):
            return f"object, [below](#{cls.__name__.lower()})"
    raise AssertionError(f"the schema has a type without words for it: {kind}")


def _number(value: float | None) -> str:
    names = {2**32 - 1: "2^32-1", 2**53 - 1: "2^53-1"}
    return names.get(int(value or 0), f"{value:,}")


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    value = field.default
    if field.default_factory is not NODEFAULT:
        value = field.default_factory()
    if value in (UNSET, NODEFAULT) or isinstance(value, msgspec.Struct):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"`{msgspec.json.encode(value).decode()}`"


def _codes(names: Iterable[str]) -> str:
    *first, last = (f"`{name}`" for name in names)
    return f"{', '.join(first)} and {last}" if first else last


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
