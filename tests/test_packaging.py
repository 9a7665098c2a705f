"""Folders, links, pyproject.toml and constraints.txt must describe the same packages."""

import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

import virtual_environment

ROOT = Path(__file__).parents[1]
TOP_FOLDERS = ("cluster", "eval", "index", "kernels", "service")
INSTALLERS = {"pip", "setuptools", "wheel"}


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def installed_name(path: Path) -> str:
    """Turn a path of the repository into its path below lsr/ in an installation."""
    parts = path.relative_to(ROOT).parts
    return "/".join(parts if parts[0] == "lsr" else ("lsr", *parts))


DATA = [
    "lsr/py.typed",
    "lsr/encoders/methods.toml",
    "lsr/eval/published.toml",
    *(f"lsr/service/page/{path.name}" for path in (ROOT / "service" / "page").iterdir()),
]


def modules() -> list[str]:
    return [
        installed_name(path)
        for folder in ("lsr", *TOP_FOLDERS)
        for path in (ROOT / folder).rglob("*.py")
    ]


def test_every_package_is_listed(pyproject: dict[str, Any]) -> None:
    folders = {name.rpartition("/")[0].replace("/", ".") for name in modules()}

    assert set(pyproject["tool"]["setuptools"]["packages"]) == folders


def test_every_folder_with_modules_is_a_package() -> None:
    found = set(modules())

    assert {f"{name.rpartition('/')[0]}/__init__.py" for name in found} <= found


def test_links_point_at_the_top_folders() -> None:
    links = {path.name: path.readlink() for path in (ROOT / "lsr").iterdir() if path.is_symlink()}

    assert links == {folder: Path("..", folder) for folder in TOP_FOLDERS}


def test_mapping_names_the_top_folders(pyproject: dict[str, Any]) -> None:
    mapping = pyproject["tool"]["setuptools"]["package-dir"]

    assert mapping == {"lsr": "lsr"} | {f"lsr.{folder}": folder for folder in TOP_FOLDERS}


def test_top_folders_are_imported_as_part_of_lsr_only() -> None:
    import lsr.index
    import lsr.kernels  # noqa: F401

    assert not {"index", "kernels", "service"} & set(sys.modules)


@pytest.mark.slow
def test_wheel_holds_every_module_once_and_nothing_else(tmp_path: Path) -> None:
    # Built from a copy: setuptools leaves build/ and *.egg-info in the folder it builds.
    source = tmp_path / "source"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, tracked.stdout.split("\0")):
        copy = source / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            copy.symlink_to((ROOT / name).readlink())
        elif (ROOT / name).exists():
            copy.write_bytes((ROOT / name).read_bytes())

    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps"]
    # Without a registry: the build tool is part of the development environment.
    subprocess.run(
        [*command, "--no-index", "-w", str(tmp_path), str(source)], check=True, capture_output=True
    )

    (wheel,) = tmp_path.glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert Counter(names) == Counter([*modules(), *DATA])


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonical(name): version for name, version in pairs}


def test_every_installed_package_is_pinned(pyproject: dict[str, Any]) -> None:
    installed = {
        canonical(distribution.metadata["Name"]): distribution.version.partition("+")[0]
        # Of the environment alone: Ray puts packages of its own on sys.path.
        for distribution in distributions(path=[sysconfig.get_path("purelib")])
    }
    expected = pins()
    for name in {*INSTALLERS, canonical(pyproject["project"]["name"])}:
        installed.pop(name, None)
        expected.pop(name, None)

    unpinned = {name: version for name, version in installed.items() if name not in expected}
    assert not unpinned, "add these to constraints.txt, or renew .venv with `make clean`"
    assert {name: expected[name] for name in installed} == installed


def test_every_requirement_is_pinned(pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    extras = project["optional-dependencies"].values()
    requirements = [*project["dependencies"], *pyproject["build-system"]["requires"]]
    requirements += [requirement for extra in extras for requirement in extra]

    requirements += [name for names in virtual_environment.ALONE.values() for name in names]

    names = {canonical(re.split(r"[\[<>=!~ ;]", requirement)[0]) for requirement in requirements}

    assert names - {canonical(project["name"])} <= set(pins())
