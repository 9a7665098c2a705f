"""The inverted index: segments on disk, searched where they lie."""

from lsr.index.approximation import EXACT, Approximation
from lsr.index.checkpoint import Checkpoint, read_checkpoint, refuse_unfinished
from lsr.index.contents import PostingList, StoredRange, posting_lists, stored_ranges
from lsr.index.field_values import FieldSummary, summarized_fields
from lsr.index.fields import FieldKind, checked_fields, parse_declarations
from lsr.index.filter_parsing import parse_filter
from lsr.index.filters import Filter
from lsr.index.impact_coder import WeightType
from lsr.index.lock import is_vacant, write_lock
from lsr.index.manifest import Manifest, is_index, read_manifest
from lsr.index.memory import MemoryBudget
from lsr.index.searcher import Rankings, Searcher, read_vocabulary
from lsr.index.snapshot import make_snapshot, restore_snapshot
from lsr.index.verify import verify_index
from lsr.index.vocabulary import Vocabulary, VocabularyKind
from lsr.index.writer import IndexWriter

__all__ = [
    "EXACT",
    "Approximation",
    "Checkpoint",
    "FieldKind",
    "FieldSummary",
    "Filter",
    "IndexWriter",
    "Manifest",
    "MemoryBudget",
    "PostingList",
    "Rankings",
    "Searcher",
    "StoredRange",
    "Vocabulary",
    "VocabularyKind",
    "WeightType",
    "checked_fields",
    "is_index",
    "is_vacant",
    "make_snapshot",
    "parse_declarations",
    "parse_filter",
    "posting_lists",
    "read_checkpoint",
    "read_manifest",
    "read_vocabulary",
    "refuse_unfinished",
    "restore_snapshot",
    "stored_ranges",
    "summarized_fields",
    "verify_index",
    "write_lock",
]
