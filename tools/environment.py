"""Which Python makes `.venv`? Called by the Makefile; parses on Python 3.6 to say what is wrong.

Hands over to virtual_environment.py, under this Python or a newer one that is on PATH.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)  # pyproject.toml says the same in requires-python
NEWER = ("python3.11", "python3.12", "python3.13")


def main(arguments: "list[str]") -> int:
    """Run virtual_environment.py with these arguments, or return 1 after one clear sentence."""
    interpreter = suitable_interpreter()
    if interpreter:
        script = Path(__file__).resolve().with_name("virtual_environment.py")
        os.execv(interpreter, [interpreter, str(script), *arguments])
    version = ".".join(str(part) for part in sys.version_info[:3])
    goal = arguments[arguments.index("--goal") + 1]
    sys.stderr.write(
        f"error: lsr needs Python 3.11 or newer; this is {version} ({sys.executable}). "
        f"Install it, then: make {goal} PYTHON=python3.11\n"
    )
    return 1


def suitable_interpreter() -> str:
    """Return the path of a Python that is new enough, or an empty string."""
    if tuple(sys.version_info[:2]) >= OLDEST:
        # Inside an activated .venv: its own Python could not make that folder anew.
        return getattr(sys, "_base_executable", None) or sys.executable
    found = [shutil.which(name) for name in NEWER]
    return next((path for path in found if path and starts(path)), "")


def starts(interpreter: str) -> bool:
    """Whether it runs at all: version managers leave commands that only print an error."""
    quiet = subprocess.DEVNULL
    return subprocess.call([interpreter, "-c", ""], stdout=quiet, stderr=quiet) == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
