"""Which names does a package define and offer, as its source files say without being imported?

A function is usually defined in a private module and offered by the package above it:
``scipy.optimize._minimize.minimize`` is known as ``scipy.optimize.minimize``. `SourceTree` follows
the ``from ... import`` statements of the package files to find such public names. What happens at
run time only, such as docstrings attached to compiled functions, stays unseen.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_SHOWN_PARAMETERS = 5
_Statement = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Definition:
    """One documented module, class, function or method.

    Attributes:
        name: inside its module, such as ``Ridge.fit``; empty for the module itself.
        kind: ``module``, ``class``, ``function`` or ``method``.
        parameters: as shown behind the name, such as ``(x, y, ...)``; empty for a module.
        docstring: as written.
        line: where it is defined, from 1.
    """

    name: str
    kind: str
    parameters: str
    docstring: str
    line: int


@dataclass(slots=True)
class Module:
    """What one source file defines and imports at its top level."""

    name: str
    path: Path
    definitions: list[Definition] = field(default_factory=list)
    defined: set[str] = field(default_factory=set)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    star_imports: list[str] = field(default_factory=list)
    exported: set[str] | None = None

    @property
    def is_package(self) -> bool:
        """Whether the file is the ``__init__.py`` of a package."""
        return self.path.name == "__init__.py"


class SourceTree:
    """The modules below some top-level packages of one folder, parsed when they are asked for."""

    def __init__(self, folder: Path, packages: list[str], skipped: frozenset[str]) -> None:
        """Look at `packages` in `folder`, without folders and files named in `skipped`."""
        self._folder = folder
        self._packages = packages
        self._skipped = skipped
        self._modules: dict[str, Module | None] = {}
        self._names: dict[str, set[str]] = {}
        self._origins: dict[tuple[str, str], tuple[str, str] | None] = {}

    def public_definitions(self) -> Iterator[tuple[str, Module, Definition]]:
        """Yield (public name, defining module, definition), in no particular order.

        A definition is public when no part of a path to it starts with an underscore: the path of
        its file, or one on which packages offer it. The shortest such path is its name.
        """
        public_modules = list(self._public_modules())
        offered: dict[tuple[str, str], str] = {}
        for module in public_modules:
            if module.is_package:
                for name in self._names_in(module.name):
                    origin = self._origin_of(module.name, name)
                    if origin is not None:
                        known = offered.get(origin, f"{module.name}.{name}")
                        offered[origin] = min(known, f"{module.name}.{name}", key=_rank)
        for module in public_modules:
            for definition in module.definitions:
                if (module.name, definition.name.partition(".")[0]) not in offered:
                    yield _joined(module.name, definition.name), module, definition
        for (module_name, top_name), public_name in offered.items():
            origin_module = self._module(module_name)
            if origin_module is not None:
                for definition in origin_module.definitions:
                    top, _, rest = definition.name.partition(".")
                    if top == top_name:
                        yield _joined(public_name, rest), origin_module, definition

    def _public_modules(self) -> Iterator[Module]:
        waiting = list(reversed(self._packages))
        while waiting:
            module = self._module(waiting.pop())
            if module is None:
                continue
            yield module
            if module.is_package:
                inside = {
                    path.stem
                    for path in module.path.parent.iterdir()
                    if (path.suffix == ".py" or path.is_dir()) and path.stem.isidentifier()
                }
                waiting += [
                    f"{module.name}.{name}"
                    for name in sorted(inside, reverse=True)
                    if not name.startswith("_")
                ]

    def _module(self, name: str) -> Module | None:
        if name not in self._modules:
            self._modules[name] = self._parsed(name)
        return self._modules[name]

    def _parsed(self, name: str) -> Module | None:
        parts = name.split(".")
        prefixes = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
        if parts[0] not in self._packages or not self._skipped.isdisjoint(prefixes.union(parts)):
            return None
        stem = self._folder.joinpath(*parts)
        path = next(
            (p for p in (stem / "__init__.py", stem.with_suffix(".py")) if p.is_file()), None
        )
        if path is None:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about the packages' own escapes
                tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return None  # a template, another Python's file or a broken one: not our matter
        module = Module(name, path)
        _read_statements(tree, module)
        return module

    def _names_in(self, module_name: str) -> set[str]:
        """Return the public names that a module holds once it is imported."""
        if module_name in self._names:
            return self._names[module_name]
        names: set[str] = set()
        self._names[module_name] = names  # before the recursion: star imports may run in circles
        module = self._module(module_name)
        if module is not None:
            names |= module.defined
            names |= {alias for alias in module.imported if not alias.startswith("_")}
            for star in module.star_imports:
                names |= self._exported_by(star)
        return names

    def _exported_by(self, module_name: str) -> set[str]:
        """Return the names that ``from module import *`` takes."""
        module = self._module(module_name)
        names = self._names_in(module_name)
        return names if module is None or module.exported is None else names & module.exported

    def _origin_of(self, module_name: str, name: str) -> tuple[str, str] | None:
        """Return the (module, name) of the definition that a name in a module stands for."""
        place = (module_name, name)
        if place in self._origins:
            return self._origins[place]
        self._origins[place] = None  # before the recursion, again
        module = self._module(module_name)
        if module is None:
            return None
        if name in module.defined:
            origin: tuple[str, str] | None = place
        elif name in module.imported:
            origin = self._origin_of(*module.imported[name])
        else:
            # The last star import is the one that counts when Python runs the file.
            stars = [star for star in module.star_imports if name in self._exported_by(star)]
            found = (self._origin_of(star, name) for star in reversed(stars))
            origin = next(filter(None, found), None)
        self._origins[place] = origin
        return origin


def _rank(public_name: str) -> tuple[int, str]:
    return public_name.count("."), public_name


def _joined(first: str, second: str) -> str:
    return f"{first}.{second}" if second else first


def _read_statements(tree: ast.Module, module: Module) -> None:
    docstring = ast.get_docstring(tree, clean=False)
    if docstring:
        module.definitions.append(Definition("", "module", "", docstring, 1))
    waiting: list[ast.stmt] = list(reversed(tree.body))
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, _Statement):
            if not statement.name.startswith("_"):
                module.defined.add(statement.name)
                module.definitions.extend(_documented(statement, ""))
        elif isinstance(statement, ast.ImportFrom):
            _read_import(statement, module)
        elif isinstance(statement, (ast.Assign, ast.AugAssign)):
            _read_exported(statement, module)
        elif isinstance(statement, (ast.If, ast.Try)):
            handlers = statement.handlers if isinstance(statement, ast.Try) else []
            handled = [inner for handler in handlers for inner in handler.body]
            waiting += reversed([*statement.body, *handled, *statement.orelse])


def _documented(statement: _Statement, owner: str) -> Iterator[Definition]:
    name = f"{owner}.{statement.name}" if owner else statement.name
    is_class = isinstance(statement, ast.ClassDef)
    kind = "class" if is_class else "method" if owner else "function"
    docstring = ast.get_docstring(statement, clean=False)
    if docstring:
        parameters = _parameters(statement, is_method=bool(owner))
        yield Definition(name, kind, parameters, docstring, statement.lineno)
    if is_class:
        for inner in statement.body:
            if isinstance(inner, _Statement) and not inner.name.startswith("_"):
                yield from _documented(inner, name)


def _parameters(statement: _Statement, is_method: bool) -> str:
    if isinstance(statement, ast.ClassDef):
        constructor = next(
            (
                inner
                for inner in statement.body
                if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"
            ),
            None,
        )
        return _parameters(constructor, is_method=True) if constructor else ""
    spec = statement.args
    names = [parameter.arg for parameter in [*spec.posonlyargs, *spec.args]]
    if is_method and names[:1] in (["self"], ["cls"]):
        names = names[1:]
    names += [f"*{spec.vararg.arg}"] if spec.vararg else []
    names += [parameter.arg for parameter in spec.kwonlyargs]
    names += [f"**{spec.kwarg.arg}"] if spec.kwarg else []
    shown = names if len(names) <= _SHOWN_PARAMETERS else [*names[: _SHOWN_PARAMETERS - 1], "..."]
    return f"({', '.join(shown)})"


def _read_import(statement: ast.ImportFrom, module: Module) -> None:
    parts = module.name.split(".")
    base = parts[: len(parts) - statement.level + module.is_package] if statement.level else []
    origin = ".".join([*base, *([statement.module] if statement.module else [])])
    for alias in statement.names:
        if alias.name == "*":
            module.star_imports.append(origin)
        else:
            module.imported[alias.asname or alias.name] = (origin, alias.name)


def _read_exported(statement: ast.Assign | ast.AugAssign, module: Module) -> None:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if not any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
        return
    if isinstance(statement.value, (ast.List, ast.Tuple)):
        names = {
            item.value
            for item in statement.value.elts
            if isinstance(item, ast.Constant) and isinstance(item.value, str)
        }
        module.exported = (module.exported or set()) | names
    else:
        module.exported = None  # computed: take every public name
