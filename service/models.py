"""Which models may a client name? Those that the operator has configured, each loaded once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from lsr.encoders import Encoder, load_encoder
from lsr.service.problems import FieldError, Problem


class Models:
    """The models that new indexes are made with and texts are encoded by.

    Args:
        places: what to load for each name: a short name, a folder or a hub id.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._lock = Lock()
        self._loaded: dict[str, Encoder] = {}

    @property
    def places(self) -> dict[Path, str]:
        """What is said in the place of the paths of models."""
        folders = {name: Path(place) for name, place in self._places.items()}
        return {
            path: f"the model {name!r}"
            for name, folder in folders.items()
            for path in (folder, folder.resolve())
            if folder.is_dir()
        }

    def __getitem__(self, name: str) -> Encoder:
        """Return a model's encoder, loading it when it is first asked for.

        Raises:
            Problem: no model of this name is configured.
            LsrError: it cannot be loaded.
        """
        place = self._places.get(name)
        if place is None:
            known = ", ".join(sorted(self._places)) or "none is"
            detail = f"No model {name[:64]!r} is configured here; these are: {known}."
            raise Problem(
                422, "model-not-configured", detail, errors=[FieldError("model", "not configured")]
            )
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load_encoder(place)
            return self._loaded[name]
