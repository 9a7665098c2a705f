"""A damaged index is refused, naming the file; it never gives other hits."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lsr
from lsr.errors import CorruptIndexError, FormatVersionError, IndexStorageError
from lsr.index import verify_index

QUERY = {"cat": 1.0, "milk": 0.5}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "x"
    documents = [
        {"id": str(n), "text": f"text {n}", "vector": {"cat": 1 + n % 3, "milk": 2}}
        for n in range(20)
    ]
    lsr.Index.build(path, documents)
    return path


def _use(path: Path) -> list[tuple[str, float, str]]:
    """Open the index and read what users read: hits, documents, explanations, ids."""
    index = lsr.Index.open(path)
    hits = index.search(QUERY, k=30)
    for hit in hits:
        assert index.explain(QUERY, hit.doc_id).score == pytest.approx(hit.score)
    return [(hit.doc_id, hit.score, hit.document.text) for hit in hits]


@given(st.data())
@settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_flipped_byte_is_found_before_it_is_used(
    sound: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    copy = tmp_path_factory.mktemp("flip") / "x"
    shutil.copytree(sound, copy)
    files = sorted(one for one in copy.rglob("*.*") if one.name != "write.lock")
    file = data.draw(st.sampled_from(files))
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)

    with pytest.raises(IndexStorageError) as caught:
        assert _use(copy) == _use(sound)
        for _ in verify_index(copy):
            pass

    assert str(copy) in str(caught.value)
    shutil.rmtree(copy)


def test_a_damaged_manifest_says_what_helps(sound: Path, tmp_path: Path) -> None:
    copy = tmp_path / "x"
    shutil.copytree(sound, copy)
    (copy / "manifest.json").write_text("{")
    with pytest.raises(CorruptIndexError, match=f"or remove {copy} and build the index again"):
        lsr.Index.open(copy)

    shutil.rmtree(copy)

    assert lsr.Index.build(copy, [("a", {"cat": 1.0})]).search({"cat": 1.0})[0].doc_id == "a"


@pytest.mark.parametrize("suffix", [".arrays", ".documents.jsonl.zst", ".vocabulary.arrays"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.unlink(), "is missing"),
        (lambda file: file.write_bytes(b""), "has 0 bytes where"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "bytes where"),
        (lambda file: file.write_bytes(file.read_bytes() + b"x"), "bytes where"),
        (lambda file: file.write_bytes(bytes(file.stat().st_size)), "start as|damaged in the doc"),
    ],
    ids=["missing", "empty", "truncated", "longer", "zeroed"],
)
def test_every_other_length_or_content_is_found(
    sound: Path,
    tmp_path: Path,
    suffix: str,
    damage: Callable[[Path], None],
    message: str,
) -> None:
    copy = tmp_path / "x"
    shutil.copytree(sound, copy)
    # "00000001.arrays" has one suffix, the others two.
    (file,) = [one for one in copy.rglob(f"*{suffix}") if one.name[8:] == suffix]

    damage(file)

    with pytest.raises(CorruptIndexError, match=message) as caught:
        _use(copy)
    assert file.name in str(caught.value)


def test_a_flip_names_the_array(sound: Path, tmp_path: Path) -> None:
    copy = tmp_path / "x"
    shutil.copytree(sound, copy)
    (file,) = copy.rglob("*.doc_ids.arrays")
    content = file.read_bytes()
    at = content.rindex(b"1819") + 2  # the last document id
    file.write_bytes(content[:at] + b"77" + content[at + 2 :])

    with pytest.raises(CorruptIndexError, match="is damaged in doc_id_bytes, bytes 0 to 29"):
        _use(copy)


@pytest.mark.parametrize(
    ("suffix", "version", "known"),
    [
        *(("manifest.json", version, 2) for version in (0, 1, 200)),
        *((".arrays", version, 1) for version in (0, 2, 200)),
        *((".vocabulary.arrays", version, 1) for version in (0, 2, 200)),
    ],
)
def test_another_version_of_the_format_is_refused(
    sound: Path, tmp_path: Path, suffix: str, version: int, known: int
) -> None:
    copy = tmp_path / "x"
    shutil.copytree(sound, copy)
    (file,) = [one for one in copy.rglob(f"*{suffix}") if one.name.lstrip("0123456789") == suffix]
    content = file.read_bytes()
    if suffix == "manifest.json":
        content = content.replace(b'"version":2', b'"version":%d' % version)
    else:
        content = content[:8] + bytes([version]) + content[9:]
    file.write_bytes(content)

    message = f"format version {version}, .* reads {known}"
    with pytest.raises(FormatVersionError, match=message) as caught:
        lsr.Index.open(copy)
    assert str(copy if suffix == "manifest.json" else file) in str(caught.value)
    assert caught.value.exit_code == 3


def test_the_sound_index_opens(sound: Path) -> None:
    assert [hit.doc_id for hit in lsr.Index.open(sound).search(QUERY, k=2)] == ["2", "5"]


@pytest.mark.parametrize("is_swapped", [True, False], ids=["swapped", "stale"])
@pytest.mark.parametrize("suffix", [".arrays", ".doc_ids.arrays", ".documents.jsonl.zst"])
def test_a_file_in_the_place_of_another_is_found(
    tmp_path: Path, suffix: str, is_swapped: bool
) -> None:
    """Each file is sound in itself, and they have one length."""
    path = tmp_path / "x"
    index = lsr.Index.build(path, [("a", {"cat": 1, "milk": 2})], max_weight=4.0)
    with index.writer() as writer:
        writer.add(("b", {"cat": 2, "milk": 1}))
        writer.commit()
    one, two = sorted(
        one for one in (path / "segments").iterdir() if one.name.lstrip("0123456789") == suffix
    )
    assert one.stat().st_size == two.stat().st_size

    content = two.read_bytes()
    if is_swapped:
        two.write_bytes(one.read_bytes())
    one.write_bytes(content)

    with pytest.raises(CorruptIndexError, match=f"{one.name}|{two.name}"):
        _use(path)
