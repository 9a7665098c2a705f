"""How is a model in one GGUF file run? Converted once, to the files that every other model has.

GGUF, the format of llama.cpp, keeps weights in blocks of few bits. They are unpacked to the float32
numbers that they stand for, exactly, and saved with the tokenizer in the user's cache folder, under
a digest of the file: another file has another folder.
"""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import xxhash

from lsr.encoders.torch_model import first_line, quiet_transformers, require_torch
from lsr.errors import MissingDependencyError, UnsupportedModelError

logger = logging.getLogger(__name__)

GGUF = ".gguf"
CHUNK = 1 << 24


def converted_gguf(file: Path) -> Path:
    """Return a folder with the model of a GGUF file, as transformers saves it.

    The first time takes some twenty seconds for a small model.

    Raises:
        UnsupportedModelError: the file cannot be read, or holds no model that transformers knows.
        MissingDependencyError: transformers, or the package gguf, is not installed.
    """
    from filelock import FileLock

    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "lsr" / "models"
    folder = cache / f"{file.stem}-{_digest(file)}"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            logger.info("Converting %s; it is done once", file)
            unfinished = folder.with_name(f"{folder.name}.tmp")
            shutil.rmtree(unfinished, ignore_errors=True)
            _convert(file, unfinished)
            unfinished.rename(folder)
    return folder


def _convert(file: Path, folder: Path) -> None:
    require_torch()
    try:
        import gguf  # noqa: F401
    except ImportError:
        raise MissingDependencyError(
            f"The model in {str(file)!r}, a GGUF file,", "encode"
        ) from None
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True}
    try:
        with quiet_transformers(), redirect_stderr(StringIO()):  # a bar that has no switch
            packed = AutoModelForCausalLM.from_pretrained(
                str(file.parent), dtype=torch.float32, **options
            )
            tokenizer = AutoTokenizer.from_pretrained(str(file.parent), **options)
            # It still says that it is quantized, and would not let itself be saved.
            packed.hf_quantizer = None
            del packed.config.quantization_config
            packed.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
    except Exception as error:  # transformers raises nearly anything for a bad file
        raise UnsupportedModelError(
            f"The GGUF file {str(file)!r} cannot be converted ({first_line(error)})."
        ) from error


def _digest(file: Path) -> str:
    digest = xxhash.xxh3_128()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
