"""Where does Parquet come from? From pyarrow, an extra, as it is larger than all else but LLVM.

The modules that read and write Parquet take it from here, so that its absence has one message.
"""

from lsr.errors import MissingDependencyError

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
except ModuleNotFoundError as error:
    raise MissingDependencyError("Parquet", "parquet") from error

__all__ = ["pa", "pc", "pq"]
