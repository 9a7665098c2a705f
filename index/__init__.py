"""The inverted index: segments on disk, searched where they lie."""

from lsr.index.approximation import EXACT, Approximation
from lsr.index.checkpoint import Checkpoint, read_checkpoint, refuse_unfinished
from lsr.index.contents import PostingList, StoredRange, posting_lists, stored_ranges
from lsr.index.doc_ids import hash_ids
from lsr.index.field_values import FieldSummary, summarized_fields
from lsr.index.fields import FieldKind, checked_fields, parse_declarations
from lsr.index.filter_parsing import parse_filter
from lsr.index.filters import Filter
from lsr.index.impact_coder import WeightType
from lsr.index.lock import is_vacant, write_lock
from lsr.index.manifest import Manifest, is_index, read_manifest
from lsr.index.memory import MemoryBudget
from lsr.index.object_store import is_url
from lsr.index.published import folder_with, manifest_at, origin_of, publish, readable_folder
from lsr.index.quantization import ImpactQuantizer
from lsr.index.searcher import Rankings, Searcher, read_vocabulary
from lsr.index.shards import Part, begin_shard, parts_of, publish_shards, shard_folder
from lsr.index.snapshot import make_snapshot, restore_snapshot
from lsr.index.storage import move_folder, remove_tree
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
    "ImpactQuantizer",
    "IndexWriter",
    "Manifest",
    "MemoryBudget",
    "Part",
    "PostingList",
    "Rankings",
    "Searcher",
    "StoredRange",
    "Vocabulary",
    "VocabularyKind",
    "WeightType",
    "begin_shard",
    "checked_fields",
    "folder_with",
    "hash_ids",
    "is_index",
    "is_url",
    "is_vacant",
    "make_snapshot",
    "manifest_at",
    "move_folder",
    "origin_of",
    "parse_declarations",
    "parse_filter",
    "parts_of",
    "posting_lists",
    "publish",
    "publish_shards",
    "read_checkpoint",
    "read_manifest",
    "read_vocabulary",
    "readable_folder",
    "refuse_unfinished",
    "remove_tree",
    "restore_snapshot",
    "shard_folder",
    "stored_ranges",
    "summarized_fields",
    "verify_index",
    "write_lock",
]
