from pathlib import Path

import lsr


def test_search_needs_all_files_but_the_documents(tmp_path: Path) -> None:
    documents = [
        {"id": f"d{n}", "text": "cat " * n, "vector": {"cat": 1.0 + n, "dog": 0.5}, "year": n}
        for n in range(20)
    ]
    index = lsr.Index.build(tmp_path / "idx", documents, fields={"year": "int"})
    with index.writer() as writer:
        writer.delete("d3")
        writer.commit()

    facts = index.info()

    sizes = {one.name: one.stat().st_size for one in (tmp_path / "idx" / "segments").iterdir()}
    for_search = sum(size for name, size in sizes.items() if ".documents." not in name)
    assert len(sizes) == 7
    assert facts["size_bytes"] == sum(sizes.values())
    assert facts["search_bytes"] == for_search
    assert facts["document_bytes"] == sum(sizes.values()) - for_search
    assert facts["search_bytes_per_posting"] == for_search / 40
    assert (facts["n_docs"], facts["n_deleted"], facts["n_postings"]) == (19, 1, 40)


def test_settings_are_said(tmp_path: Path) -> None:
    index = lsr.Index.build(
        tmp_path / "idx",
        [("a", {"cat": 1.0, "dog": 0.1})],
        weights="float32",
        prune="max_ratio:0.5",
        fields={"year": "int", "topics": "tags"},
    )

    facts = index.info()

    assert facts["fields"] == {"year": "int", "topics": "tags"}
    assert (facts["weights"], facts["prune"]) == ("float32", "max_ratio:0.5")
    assert facts["n_postings"] == 1


def test_an_empty_index_has_facts(tmp_path: Path) -> None:
    facts = lsr.Index.build(tmp_path / "idx", []).info()

    assert (facts["n_docs"], facts["search_bytes_per_posting"]) == (0, 0.0)
