"""Interchange formats: an index goes to other tools, and what they wrote comes in."""

from lsr.interchange.exporting import ExportRecord, export_index
from lsr.interchange.importing import IMPORTS, document_files
from lsr.interchange.registry import FORMATS

__all__ = ["FORMATS", "IMPORTS", "ExportRecord", "document_files", "export_index"]
