"""Which code a result rests on: a module, all of ours that it imports, however deep, and the files beside
them.

Read from the source by `ast`, never by importing: an import inside a function counts as much as one at the
top, and a name such as "helpers.model.stage:fit" in a string counts as an import too. So a change of a
template makes stale what renders pages, and no model.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import helpers
from helpers.base.paths import ARTEFACTS, DICTIONARY, PACKAGE, ROOT
from helpers.base.store import file_hash, text_hash

DOOR = "helpers"  # importing it loads nothing: its names are looked up when they are used
_NAME = re.compile(r"^helpers(\.\w+)+(:\w+)?$")
_NO_CODE = {".py", ".pyc", ".md"}


def closure(*modules: str) -> tuple[str, ...]:
    """Names of the given modules of ours and of all that they import, sorted. Raises ModuleNotFoundError."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found or name == DOOR:
            continue
        found.add(name)
        waiting += _imported(_file(name), name)
        waiting += [name.rpartition(".")[0]]  # a package's own __init__ runs first
    return tuple(sorted(found))


def imports_of(source: str, package: str = "") -> tuple[str, ...]:
    """Modules of ours that a piece of source imports or names, resolved to files."""
    every = list(ast.walk(ast.parse(source)))
    for_editors = {inner for node in every if _is_for_editors(node) for inner in ast.walk(node)}
    nodes = [node for node in every if node not in for_editors]
    names, known_as = [], {}
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            here = {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            known_as |= {name: full for name, full in here.items() if full.startswith(f"{DOOR}.")}
            names += here.values()
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.match(node.value):
            names.append(node.value.partition(":")[0])
    for node in nodes:  # a room's room: evaluate.trial.load
        if isinstance(node, ast.Attribute):
            first, *rest = _dotted(node)
            names += [".".join([known_as[first], *rest])] if first in known_as else []
    resolved = (_module(name) for name in names if name.startswith(f"{DOOR}."))
    return tuple(dict.fromkeys(name for name in resolved if name and name != package))


@cache
def code_of(*modules: str) -> str:
    """sha256 of the code that the modules rest on: their closure, and the templates, styles and fonts beside
    it.
    """
    files = {_file(name) for name in closure(*modules)}
    beside = {path for folder in {f.parent for f in files} if folder != PACKAGE for path in _assets(folder)}
    return text_hash(*[(p.relative_to(ROOT).as_posix(), _hash(p)) for p in sorted(files | beside)])


@cache
def _hash(path: Path) -> str:
    """A file of ours does not change while a process runs."""
    return file_hash(path)


@cache
def _imported(path: Path, name: str) -> tuple[str, ...]:
    return imports_of(path.read_text(encoding="utf-8"), name)


def _is_for_editors(node: ast.AST) -> bool:
    """`if TYPE_CHECKING:` is never run."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _dotted(node: ast.expr) -> list[str]:
    """The parts of `a.b.c`; a first part that is no plain name is empty."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return [node.id if isinstance(node, ast.Name) else "", *parts]


def _module(name: str) -> str:
    """The module that a dotted name means: itself, or what holds the attribute; empty for the door's
    attributes.
    """
    shown = name.removeprefix(f"{DOOR}.")
    if shown in helpers.SHORT:
        return helpers.SHORT[shown].partition(":")[0]
    while name != DOOR:
        if _path(name):
            return name
        name = name.rpartition(".")[0]
    return ""


@cache
def _path(name: str) -> Path | None:
    base = PACKAGE.parent.joinpath(*name.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


@cache
def _file(name: str) -> Path:
    path = _path(name)
    if path is None:
        raise ModuleNotFoundError(f"there is no module {name} among ours")
    return path


@cache
def _assets(folder: Path) -> tuple[Path, ...]:
    """Files of a package that are no code: templates, styles, fonts, in folders that hold no modules."""
    own = [p for p in folder.iterdir() if p.is_dir() and not any(p.glob("*.py")) and p.name != "__pycache__"]
    return tuple(p for f in own for p in f.rglob("*") if p.is_file() and p.suffix not in _NO_CODE)


@cache
def package_hash() -> str:
    """sha256 of all our code, templates, styles and the two tables of the contract, for the manifest."""
    files = {p for p in PACKAGE.rglob("*") if p.is_file() and p.suffix != ".pyc"} | {ARTEFACTS, DICTIONARY}
    return text_hash(*[(p.relative_to(ROOT).as_posix(), file_hash(p)) for p in sorted(files)])
