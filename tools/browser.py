"""Which browser do the tests of the search page drive? Chromium, installed where it is absent.

    python tools/browser.py

The variable LSR_CHROMIUM names another one. Root on a machine with apt gets Debian's package; a
failure of that fails, for then the page would go unchecked unnoticed. Where nothing can be
installed, one sentence says so and the tests of the page are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_APT = ("apt-get", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=300")


def chromium() -> str | None:
    """Return the path of a Chromium that is installed, or None."""
    named = os.environ.get("LSR_CHROMIUM")
    return named or next((path for path in map(shutil.which, NAMES) if path), None)


def main() -> int:
    """Install Chromium where it is absent and can be installed; say where it is."""
    if chromium() is None:
        if not shutil.which("apt-get") or os.geteuid() != 0:
            print("There is no chromium on the PATH: the tests of the search page are left out.")
            return 0
        print("Installing chromium, which the tests of the search page drive.", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
            done = subprocess.run(
                [*_APT, "-qq", *step], env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode:
                sys.stderr.write((done.stdout + done.stderr)[-2000:])
                sys.stderr.write(f"error: apt-get {step[0]} failed, so there is no chromium.\n")
                return 1
    print(f"Chromium is at {chromium()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
