"""Which formats can an index be exported to? One file each."""

from __future__ import annotations

from lsr.interchange.anserini import ANSERINI
from lsr.interchange.bulk import ELASTICSEARCH, OPENSEARCH, OPENSEARCH_ANN
from lsr.interchange.ciff import CIFF
from lsr.interchange.formats import ExportFormat
from lsr.interchange.lsr_benchmark import LSR_BENCHMARK
from lsr.interchange.pisa import PISA
from lsr.interchange.qdrant import QDRANT
from lsr.interchange.vespa import VESPA

FORMATS: dict[str, ExportFormat] = {
    one.name: one
    for one in (
        *(ANSERINI, CIFF, PISA, OPENSEARCH, OPENSEARCH_ANN),
        *(QDRANT, ELASTICSEARCH, VESPA, LSR_BENCHMARK),
    )
}
