"""Keys of stored results: hashes of everything that can affect a result.

If the key is unchanged, a run uses the stored result.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from tabgenbench.errors import PluginError

__all__ = [
    "class_hash",
    "code_hash",
    "is_of_session",
    "make_key",
    "program_of",
    "seed_of",
    "sources_of",
    "syntax_tree",
]


def make_key(**parts: Any) -> str:
    """Return a hash (32 hex digits) of the arguments, whose order does not matter.

    >>> make_key(a=1, b="x") == make_key(b="x", a=1)
    True
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def seed_of(*parts: int | str) -> int:
    """Return a seed below 2**63 computed from numbers and texts, such as ``seed_of(0, "sample", 3)``."""
    words = [int.from_bytes(hashlib.sha256(str(part).encode()).digest()[:8], "big") for part in parts]
    state = np.random.SeedSequence(words).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def program_of(source: str | bytes) -> str:
    """Return a text that describes the syntax tree of Python source, without comments, docstrings and formatting.

    The result is the same on Python 3.11 to 3.13.

    >>> program_of("x = 1 # one") == program_of("x=1")
    True
    """
    parts: list[str] = []
    _write_node(syntax_tree(source), parts)
    return "".join(parts)


def _write_node(value: Any, parts: list[str]) -> None:
    if isinstance(value, ast.AST):
        parts.append(f"({type(value).__name__}")
        for name in value._fields:
            child = getattr(value, name, None)
            if isinstance(child, list):  # a bare string, such as a docstring, has no effect
                child = [one for one in child if not _is_bare_string(one)]
            if (child is None and not (isinstance(value, ast.Constant) and name == "value")) or child == []:
                continue  # newer versions of Python add fields, empty where their syntax is not used
            if name not in ("kind", "type_comment", "type_ignores"):
                parts.append(f" {name}=")
                _write_node(child, parts)
        parts.append(")")
    elif isinstance(value, list):
        parts.append("[")
        for one in value:
            _write_node(one, parts)
        parts.append("]")
    else:
        parts.append(f"{type(value).__name__}:{value!r};")


def _is_bare_string(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def code_hash(module: str) -> str:
    """Return a hash of a module and of the modules of its top-level package that it imports, also indirectly.

    Files are read, not imported. Changes of comments, docstrings and formatting do not change the hash.

    Raises:
        PluginError: the module cannot be found or has a syntax error.
    """
    digest = hashlib.sha256()
    for name, path in sorted(_closure(module).items()):
        program = program_of(path.read_bytes()).encode() if path.suffix == ".py" else path.read_bytes()
        digest.update(name.encode() + b"\0" + program + b"\0")
    return digest.hexdigest()


def is_of_session(kind: type) -> bool:
    """Return whether a class is defined in a notebook, at a prompt or in the main script, and not in a module."""
    return kind.__module__ == "__main__" or getattr(sys.modules.get(kind.__module__), "__file__", None) is None


_parsing = threading.Lock()


def syntax_tree(source: str | bytes) -> ast.Module:
    """Return the syntax tree of a module.

    Only one thread parses at a time, because two parsers at once can raise a SystemError in CPython 3.11.
    """
    with _parsing:
        return ast.parse(source)


def class_hash(kind: type) -> str:
    """Return a hash of the code of a plugin's class.

    If a module defines the class, the hash is `code_hash` of the module. If a notebook or prompt defines the class, the
    hash covers the byte code and constants of the methods, and the functions, classes and plain values that the methods
    use.

    Raises:
        PluginError: the module of the class cannot be found.
    """
    if not is_of_session(kind):
        return code_hash(kind.__module__)
    digest = hashlib.sha256()
    for text in _describe_object(kind, set()):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()


def _describe_object(value: Any, seen: set[int]) -> Iterator[str]:
    if id(value) in seen:
        return
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    if isinstance(value, property):
        for accessor in (value.fget, value.fset, value.fdel):
            yield from _describe_object(accessor, seen)
    elif isinstance(value, FunctionType):
        seen.add(id(value))
        yield from _describe_function(value, seen)
    elif isinstance(value, type) and not is_of_session(value):  # a class of an installed package
        yield f"class {value.__module__}.{value.__qualname__}"
    elif isinstance(value, type):
        seen.add(id(value))
        yield from _describe_class(value, seen)
    elif isinstance(value, bool | int | float | complex | str | bytes | tuple | frozenset | list | dict | set | None):
        yield repr(sorted(value, key=repr)) if isinstance(value, set | frozenset) else repr(value)


def _describe_class(kind: type, seen: set[int]) -> Iterator[str]:
    yield f"class {kind.__qualname__}"
    for base in kind.__bases__:
        if base.__module__ == kind.__module__:
            yield from _describe_object(base, seen)
        elif hasattr(base, "name") and hasattr(base, "Config"):  # the class of a plugin, which this class extends
            yield f"base {base.__qualname__} {class_hash(base)}"
        else:
            yield f"base {base.__module__}.{base.__qualname__}"
    fields = getattr(kind, "model_fields", {})  # pydantic keeps the defaults of options there
    for name in sorted(fields):
        yield f"field {name}: {fields[name].annotation!r} = {fields[name].default!r}"
    for name, value in sorted(vars(kind).items()):
        is_private_to_python = name.startswith("__") and not isinstance(value, FunctionType)
        if not is_private_to_python and not name.startswith(("_abc_", "model_", "__pydantic")):
            yield f"member {name}"
            yield from _describe_object(value, seen)


def _describe_function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    yield f"def {function.__qualname__}"
    yield repr((function.__defaults__, function.__kwdefaults__))
    docstring = function.__doc__
    names: set[str] = set()
    yield from _describe_code(function.__code__, docstring, names)
    for cell in function.__closure__ or ():
        yield from _describe_object(cell.cell_contents, seen)
    for name in sorted(names & function.__globals__.keys()):
        value = function.__globals__[name]
        if getattr(value, "__module__", function.__module__) == function.__module__:
            yield f"global {name}"
            yield from _describe_object(value, seen)


def _describe_code(code: CodeType, docstring: str | None, names: set[str]) -> Iterator[str]:
    names.update(code.co_names)
    yield f"{code.co_name} {code.co_code.hex()} {code.co_names} {code.co_varnames}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _describe_code(constant, None, names)
        elif constant != docstring or docstring is None:
            yield repr(constant)


def sources_of(module: str) -> tuple[Path, ...]:
    """Return the files of a module and of the modules of its top-level package that it imports, also indirectly.

    Raises:
        PluginError: the module cannot be found or has a syntax error.
    """
    return tuple(_closure(module).values())


def _closure(module: str) -> dict[str, Path]:
    path = _source(module)
    if path is None:
        raise PluginError(f"module {module!r} has no source file, expected one that can be read; reinstall its package")
    found, waiting = {module: path}, [(module, path)]
    while waiting:
        name, path = waiting.pop()
        if path.suffix != ".py":
            continue
        for imported in _imports(name, path):
            source = _source(imported) if imported not in found else None
            if source is not None:
                found[imported] = source
                waiting.append((imported, source))
    return found


def _imports(module: str, path: Path) -> Iterator[str]:
    package = module.partition(".")[0]
    parent = module if path.name == "__init__.py" else module.rpartition(".")[0]
    try:
        tree = syntax_tree(path.read_bytes())
    except SyntaxError as error:
        raise PluginError(f"module {module!r} does not parse ({error.msg}, line {error.lineno}); correct it") from None
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = parent.split(".")[: len(parent.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.partition(".")[0] == package)


@cache
def _source(module: str) -> Path | None:
    parent = module.rpartition(".")[0]
    above = _source(parent) if parent else None
    if above is not None and above.name != "__init__.py":
        return None  # a name inside a module; looking for it would import the module
    try:
        spec = find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and Path(spec.origin).is_file() else None
