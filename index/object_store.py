"""How are files of an index put where there is no file system, and read there? Through fsspec.

It knows object stores and other places by their URLs, such as ``s3://bucket/folder``, and needs a
package more for most of them. Each raises the errors of its own libraries; here they become ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from lsr.errors import ConfigError, IndexStorageError, MissingDependencyError
from lsr.index.storage import CHUNK_BYTES, Content


def is_url(place: str | Path) -> bool:
    """Say whether a place is no folder, but named by a URL."""
    return "://" in str(place)


class ObjectStore:
    """A folder named by a URL.

    Args:
        url: its address.

    Attributes:
        url: the same, without a slash at its end.

    Raises:
        ConfigError: nothing is known of the URL's protocol.
        MissingDependencyError: fsspec, or the package for the protocol, is not installed.
        IndexStorageError: the place cannot be used, as in all methods.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        try:
            import fsspec
        except ModuleNotFoundError as error:
            raise MissingDependencyError(f"The address {url}", "remote") from error
        protocol = url.partition("://")[0]
        if protocol not in fsspec.available_protocols():
            raise ConfigError(
                f"Nothing is known of the protocol of {url!r}; name a folder, or a URL such as "
                "s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or abfs://CONTAINER/FOLDER."
            )
        with self._errors():
            try:
                self._files, self._root = fsspec.url_to_fs(self.url)
            except ImportError as error:
                reason = str(error).rstrip(".")
                raise IndexStorageError(
                    f"{url} cannot be used without a package more: {reason}."
                ) from error
            self._files.invalidate_cache()

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self._root).name

    def read(self, name: str) -> bytes:
        """Return a small file.

        Raises:
            FileNotFoundError: it is not there.
        """
        with self._errors():
            content: bytes = self._files.cat_file(f"{self._root}/{name}")
        return content

    def chunks(self, name: str) -> Iterator[Content]:
        """Read a large file piece by piece.

        Raises:
            FileNotFoundError: it is not there.
        """
        with self._errors():
            file = self._files.open(f"{self._root}/{name}", "rb")
        with file:
            while True:
                with self._errors():
                    chunk = file.read(CHUNK_BYTES)
                if not chunk:
                    return
                yield chunk

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the size of each file below a folder, by its name there."""
        root = f"{self._root}/{folder}"
        with self._errors():
            found = self._files.find(root, detail=True)
        return {name[len(root) + 1 :]: one["size"] for name, one in found.items()}

    def put(self, name: str, file: Path) -> None:
        """Write a file, taking the place of what has its name."""
        target = f"{self._root}/{name}"
        with self._errors():
            self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._files.put_file(str(file), target)

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, taking the place of what has its name."""
        with self._errors():
            self._files.pipe_file(f"{self._root}/{name}", content)

    def remove(self, name: str) -> None:
        """Remove a file."""
        with self._errors():
            self._files.rm_file(f"{self._root}/{name}")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say what went wrong, whichever library says it in its own way."""
        try:
            yield
        except (FileNotFoundError, IndexStorageError):
            raise
        except PermissionError as error:
            raise IndexStorageError(
                f"Access to {self.url} is refused: {_first_line(error)}. Check the credentials "
                "that are used there, and what they allow."
            ) from error
        except Exception as error:
            raise IndexStorageError(
                f"{self.url} cannot be used: {_first_line(error)}. Repeat the command to go on: "
                "what was copied is kept."
            ) from error


def _first_line(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0].rstrip(".")
    return text or type(error).__name__
