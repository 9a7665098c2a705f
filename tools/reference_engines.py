"""Where is Anserini's jar? Fetched once, from the package that carries it, where Java can run it.

    python tools/reference_engines.py [FOLDER]

Lays pyserini 0.25.0 (170 MB) in `.reference-engines`, without what it requires: only its jar is
used. Tests look for it there; anywhere else the variable LSR_ANSERINI_JAR names it. Neither Java
nor the jar is needed for anything but comparisons, so a failure here is said and nothing more.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pip_output import cause_of_failure

REQUIREMENT = "pyserini==0.25.0"
JAR = Path("pyserini", "resources", "jars", "anserini-0.25.0-fatjar.jar")
FOLDER = Path(__file__).resolve().parents[1] / ".reference-engines"


def main(arguments: Sequence[str]) -> int:
    """Say where the jar is, after fetching it if need be; never fail."""
    folder = Path(arguments[0]).absolute() if arguments else FOLDER
    print(fetched(folder))
    return 0


def fetched(folder: Path) -> str:
    """Put the jar below a folder and return one sentence about it."""
    if shutil.which("java") is None:
        return "There is no java on the PATH: comparisons with Anserini are left out."
    jar = folder / JAR
    if not jar.is_file():
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run(
            [*pip, "--upgrade", "--target", str(folder), REQUIREMENT],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            output = done.stdout + done.stderr
            cause = cause_of_failure(output, "make reference-engines") or output.strip()[-300:]
            return f"Anserini was not fetched, comparisons with it are left out. {cause}"
    return f"Anserini is at {jar}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
