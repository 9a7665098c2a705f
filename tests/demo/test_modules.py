"""Names that packages offer, read from their sources; checked against the imported packages."""

import importlib
import inspect
import pydoc
from pathlib import Path

import pytest

from lsr.demo.modules import Definition, SourceTree


def write_package(folder: Path, files: dict[str, str]) -> None:
    for name, source in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")


def public(folder: Path, *skipped: str) -> dict[str, Definition]:
    tree = SourceTree(folder, ["pack"], frozenset(skipped))
    return {name: definition for name, _, definition in tree.public_definitions()}


def test_offered_names_replace_the_private_places_of_definitions(tmp_path: Path) -> None:
    write_package(
        tmp_path,
        {
            "pack/__init__.py": "from ._impl import solve as answer\nfrom .sub import *\n",
            "pack/_impl.py": "def solve(): 'Solve.'\ndef hidden(): 'Hide.'\n",
            "pack/sub/__init__.py": "from pack.sub._deep import Tool\n__all__ = ['Tool']\n",
            "pack/sub/_deep.py": "class Tool:\n  'A tool.'\n  def use(self, how): 'Use.'\n",
        },
    )

    found = public(tmp_path)

    assert sorted(found) == ["pack.Tool", "pack.Tool.use", "pack.answer"]
    assert found["pack.Tool.use"].kind == "method"
    assert found["pack.Tool.use"].parameters == "(how)"
    assert found["pack.Tool.use"].line == 3


def test_star_imports_take_only_what_is_exported(tmp_path: Path) -> None:
    write_package(
        tmp_path,
        {
            "pack/__init__.py": "from ._impl import *\n",
            "pack/_impl.py": "__all__ = ['a']\n__all__ += ['b']\n"
            "def a(): 'A.'\ndef b(): 'B.'\ndef c(): 'C.'\n",
        },
    )

    assert sorted(public(tmp_path)) == ["pack.a", "pack.b"]


def test_circular_imports_end(tmp_path: Path) -> None:
    write_package(
        tmp_path,
        {
            "pack/__init__.py": "from ._a import *\nfrom pack import *\n",
            "pack/_a.py": "from ._b import *\ndef f(): 'F.'\n",
            "pack/_b.py": "from ._a import *\ndef g(): 'G.'\n",
        },
    )

    assert "pack.f" in public(tmp_path)


def test_names_are_found_behind_modules_that_import_each_other(tmp_path: Path) -> None:
    write_package(
        tmp_path,
        {
            "pack/__init__.py": "from pack.sub import *\nversion = 1\n",
            "pack/sub/__init__.py": "from pack.sub.inner import *\n",
            "pack/sub/inner/__init__.py": "from .loss import Loss\n__all__ = ['Loss']\n",
            "pack/sub/inner/loss.py": "from pack import helper\nclass Loss: 'A loss.'\n",
            "pack/helper.py": "from pack.sub.inner import Loss\n",
        },
    )

    assert sorted(public(tmp_path)) == ["pack.Loss"]


def test_private_skipped_and_unreadable_files_are_passed_over(tmp_path: Path) -> None:
    write_package(
        tmp_path,
        {
            "pack/__init__.py": "'The package.'\n",
            "pack/good.py": "if True:\n  def f(): 'F.'\n  def _g(): 'G.'\n",
            "pack/broken.py": "def (:\n",
            "pack/tests/__init__.py": "'Tests.'\n",
            "pack/vendor/__init__.py": "'Somebody else.'\n",
        },
    )
    (tmp_path / "pack" / "latin.py").write_bytes(b"'caf\xe9'\n")
    (tmp_path / "pack" / "null.py").write_bytes(b"\x00")

    assert sorted(public(tmp_path, "tests", "pack.vendor")) == ["pack", "pack.good.f"]


def test_long_signatures_are_shortened(tmp_path: Path) -> None:
    source = "def f(a, b=1, *c, d, e, **g): 'F.'\nclass C:\n  'C.'\n  def __init__(self, x): ...\n"
    write_package(tmp_path, {"pack/__init__.py": source})

    found = public(tmp_path)

    assert found["pack.f"].parameters == "(a, b, *c, d, ...)"
    assert found["pack.C"].parameters == "(x)"


@pytest.mark.parametrize("package", ["json", "concurrent", "numpy.linalg", "scipy.signal"])
def test_names_can_really_be_imported(package: str) -> None:
    top = importlib.import_module(package.split(".")[0])
    folder = Path(inspect.getfile(top)).parents[1]
    tree = SourceTree(folder, [package.split(".")[0]], frozenset({"tests"}))
    if "." in package:
        importlib.import_module(package)

    names = [
        (name, definition)
        for name, _, definition in tree.public_definitions()
        if name.startswith(f"{package}.") and definition.kind in {"function", "class"}
    ]
    missing = [name for name, _ in names if pydoc.locate(name) is None]

    assert names
    assert missing == []
