"""How is Anserini (Lucene) timed? Its impact search, called in a Java machine of this process."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from lsr.errors import LsrError
from lsr.eval.bench.engines.base import Hits, Variant, all_files, why_not_installed
from lsr.sparse import SparseBatch

JAR_VARIABLE = "LSR_ANSERINI_JAR"


class Anserini:
    """Anserini 0.25's impact index and searcher; a jar for Java 17 comes with pyserini 0.25.0."""

    package: ClassVar[str] = "pyjnius"

    @property
    def about(self) -> str:
        """Name the jar, and what shares the core."""
        return (
            f"Anserini ({Path(os.environ[JAR_VARIABLE]).name}) runs in a Java machine, whose "
            "compiler and collector share the core with it."
        )

    def why_missing(self) -> str | None:
        """Say which of jar, Java and bridge is not there."""
        jar = os.environ.get(JAR_VARIABLE)
        if not jar:
            return f"{JAR_VARIABLE} does not name Anserini's fat jar"
        if not Path(jar).is_file():
            return f"{JAR_VARIABLE} names {jar}, which is no file"
        if shutil.which("java") is None:
            return "there is no java on the PATH"
        return why_not_installed(self.package, "jnius")

    def build(self, vectors: SparseBatch, folder: Path) -> None:
        """Write the vectors as Anserini reads them and index them into one Lucene segment."""
        collection = folder / "collection"
        collection.mkdir()
        with (collection / "vectors.jsonl").open("wb") as file:
            for number, (terms, weights) in enumerate(vectors.rows()):
                named = zip(map(str, terms.tolist()), map(int, weights.tolist()), strict=True)
                line = {"id": str(number), "contents": "", "vector": dict(named)}
                file.write(msgspec.json.encode(line) + b"\n")
        command = ["java", "-cp", os.environ[JAR_VARIABLE], "io.anserini.index.IndexCollection"]
        command += ["-collection", "JsonVectorCollection", "-input", str(collection)]
        command += ["-generator", "DefaultLuceneDocumentGenerator", "-index", str(folder / "index")]
        command += ["-threads", "1", "-impact", "-pretokenized", "-optimize"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LsrError(f"Anserini's indexer failed: {done.stderr.strip()[-500:]}.")
        shutil.rmtree(collection)

    def files(self, folder: Path) -> Iterable[Path]:
        """Return the files of the Lucene index."""
        return all_files(folder / "index")

    def open(self, folder: Path) -> Sequence[Variant]:
        """Start Java in this process and open the index."""
        import jnius_config

        if not jnius_config.vm_running:
            jnius_config.add_classpath(os.environ[JAR_VARIABLE])
            jnius_config.add_options("-Xrs")  # leaves Ctrl-C to Python
        import jnius

        self._java = {
            name: jnius.autoclass(f"java.{name}")
            for name in ("lang.Integer", "util.ArrayList", "util.HashMap")
        }
        searcher = jnius.autoclass("io.anserini.search.SimpleImpactSearcher")
        self._searcher = searcher(str(folder / "index"))
        return [Variant("Anserini impact", True, self._search, self._search_all)]

    def prepare(self, queries: SparseBatch) -> Any:
        """Return Java lists of maps and of ids."""
        maps, ids = self._java["util.ArrayList"](), self._java["util.ArrayList"]()
        for number, (terms, weights) in enumerate(queries.rows()):
            one = self._java["util.HashMap"]()
            for term, weight in zip(terms.tolist(), weights.tolist(), strict=True):
                one.put(str(term), self._java["lang.Integer"](int(weight)))
            maps.add(one)
            ids.add(str(number))
        return maps, ids

    def _search(self, query: Any, k: int) -> Hits:
        found = self._searcher.search(query[0].get(0), k)
        return [(int(one.docid), one.score) for one in found]

    def _search_all(self, queries: Any, k: int, threads: int) -> object:
        return self._searcher.batch_search(*queries, k, threads)
