"""Which real, useful documents does every machine have? The documentation of its Python packages.

`docstring_documents` reads the docstrings of the standard library and of well-known installed
packages out of their source files; nothing is imported. Equal installations give equal documents
in equal order.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import xxhash

from lsr.demo.modules import Definition, Module, SourceTree
from lsr.demo.prose import readable_prose
from lsr.documents import MAX_ID_BYTES, Document

MIN_CHARACTERS = 120
FIELDS = {"package": "str", "kind": "str", "words": "int"}
"""Metadata that filters can name; the file and the line only say where to read on."""

_RULES_VERSION = 2  # raise it whenever the same packages would give another index

_SKIPPED = frozenset({"tests", "test", "testing", "conftest", "setup", "externals", "extern"})


@dataclass(frozen=True, slots=True)
class Source:
    """A package to read.

    Attributes:
        distribution: its name in the installation, such as ``scikit-learn``.
        package: its name in Python, such as ``sklearn``.
        quota: the most documents to take, so that no package drowns the others.
        skipped: parts of it that few people read, and that would take long to parse.
    """

    distribution: str
    package: str
    quota: int
    skipped: tuple[str, ...] = ()


SOURCES = (
    Source("numpy", "numpy", 900, ("numpy.distutils", "numpy.f2py", "numpy.typing")),
    Source("scipy", "scipy", 1300),
    Source("scikit-learn", "sklearn", 500),
    Source("networkx", "networkx", 1000),
    Source("torch", "torch", 1000, (
        "torch.ao", "torch.backends", "torch.distributed", "torch.export", "torch.fx",
        "torch.jit", "torch.onnx", "torch.package", "torch.quantization",
        "torch._dynamo", "torch._inductor", "torch._refs", "torch._decomp", "torch._export",
    )),
    Source("transformers", "transformers", 600, ("transformers.models",)),
    Source("pyarrow", "pyarrow", 200),
    Source("numba", "numba", 100, ("numba.cuda", "numba.core")),
    Source("requests", "requests", 100),
    Source("rich", "rich", 100),
)  # fmt: skip
_STANDARD_LIBRARY_QUOTA = 1700
_NOT_READ_IN_THE_STANDARD_LIBRARY = {
    "antigravity", "distutils", "ensurepip", "idlelib", "lib2to3", "nturl2path", "pydoc_data",
    "test", "this", "turtledemo",
}  # fmt: skip


def docstring_documents(sources: Sequence[Source] = SOURCES) -> Iterator[Document]:
    """Yield one document per docstring: the standard library first, then the installed sources."""
    seen: set[str] = set()
    yield from _standard_library(seen)
    for source in sources:
        yield from package_documents(source, seen)


def package_documents(source: Source, seen: set[str]) -> Iterator[Document]:
    """Yield the documents of one package; none if it is not installed.

    Args:
        source: the package.
        seen: texts that were taken before, which are not taken again; grows.
    """
    folder = _folder_of(source.package)
    if folder is not None:
        tree = SourceTree(folder, [source.package], _SKIPPED.union(source.skipped))
        yield from _documents(tree, folder, source.distribution, source.quota, seen)


def corpus_fingerprint(sources: Sequence[Source] = SOURCES) -> str:
    """Return a digest of what decides the documents: package versions and the rules here."""
    parts = [f"rules {_RULES_VERSION}", f"python {platform.python_version()}"]
    parts += [
        f"{source} {_version(source.distribution)}"
        for source in sources
        if _folder_of(source.package) is not None
    ]
    return xxhash.xxh3_128_hexdigest("\n".join(parts).encode())


def _standard_library(seen: set[str]) -> Iterator[Document]:
    names = sorted(
        name
        for name in sys.stdlib_module_names
        if not name.startswith("_") and name not in _NOT_READ_IN_THE_STANDARD_LIBRARY
    )
    folder = Path(sysconfig.get_path("stdlib"))
    tree = SourceTree(folder, names, _SKIPPED)
    yield from _documents(tree, folder, "python", _STANDARD_LIBRARY_QUOTA, seen)


def _documents(
    tree: SourceTree, folder: Path, distribution: str, quota: int, seen: set[str]
) -> Iterator[Document]:
    """Yield up to `quota` documents, those with short names first, and no text twice."""
    ranked = sorted(tree.public_definitions(), key=lambda found: _interest(found[0], found[2]))
    ids: set[str] = set()
    taken = 0
    for name, module, definition in ranked:
        if taken == quota:
            return
        if name in ids or len(name.encode(errors="replace")) > MAX_ID_BYTES:
            continue
        text = readable_prose(definition.docstring).encode(errors="replace").decode()
        if len(text) < MIN_CHARACTERS or text in seen:
            continue
        ids.add(name)
        seen.add(text)
        taken += 1
        yield _document(name, text, distribution, folder, module, definition)


def _interest(name: str, definition: Definition) -> tuple[bool, int, int, int]:
    """Order by what people look for: methods last, then names from short to long.

    Equally long names come in the order of a hash: a quota then cuts a fair sample, and not the
    end of the alphabet.
    """
    digest = xxhash.xxh3_64_intdigest(name.encode(errors="replace"))
    return definition.kind == "method", name.count("."), digest, definition.line


def _document(
    name: str, text: str, distribution: str, folder: Path, module: Module, definition: Definition
) -> Document:
    return Document(
        doc_id=name,
        title=name + definition.parameters,
        text=text,
        metadata={
            "package": distribution,
            "kind": definition.kind,
            "file": module.path.relative_to(folder).as_posix(),
            "line": definition.line,
            "words": len(text.split()),
        },
    )


def _folder_of(package: str) -> Path | None:
    """Return the folder that holds a package, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None or Path(spec.origin).name != "__init__.py":
        return None
    return Path(spec.origin).parents[1]


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
