"""Keys are kept as hashes, in a file that only its owner reads."""

import stat
from pathlib import Path

import pytest

from lsr.errors import ConfigError, InvalidInputError
from lsr.service.key_file import Scope, create_key, find_key, read_keys, revoke_key


def test_a_token_finds_its_key_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    first = create_key(file, "first", [Scope.SEARCH])
    second = create_key(file, "second", [Scope.WRITE, Scope.ADMIN])
    keys = read_keys(file)

    found = find_key(keys, second)

    assert found is not None
    assert (found.name, found.scopes) == ("second", [Scope.WRITE, Scope.ADMIN])
    assert find_key(keys, first + "x") is None
    assert find_key(keys, "\udc80") is None


def test_the_file_gives_no_token_away(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    token = create_key(file, "first", [Scope.SEARCH])

    assert token.removeprefix("lsr_") not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(token) >= 40


def test_a_revoked_key_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    token = create_key(file, "first", [Scope.SEARCH])

    revoke_key(file, "first")

    assert find_key(read_keys(file), token) is None


def test_names_are_unique_and_sane(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    create_key(file, "first", [Scope.SEARCH])

    with pytest.raises(InvalidInputError, match="has a key 'first' already"):
        create_key(file, "first", [Scope.SEARCH])
    with pytest.raises(InvalidInputError, match="cannot be called 'a b'"):
        create_key(file, "a b", [Scope.SEARCH])
    with pytest.raises(InvalidInputError, match="has no key 'other'"):
        revoke_key(file, "other")


@pytest.mark.parametrize("content", ["", "{}", '[{"name": "a"}]', '[{"name": 1}]'])
def test_another_file_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)

    with pytest.raises(ConfigError, match="is no file of keys"):
        read_keys(file)


def test_a_draft_of_another_command_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    (tmp_path / "keys.json.draft").touch()

    with pytest.raises(ConfigError, match="is in the way"):
        create_key(file, "first", [Scope.SEARCH])
