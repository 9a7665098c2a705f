"""What does the search page look like? Pictures of it, for the documentation.

    lsr demo --index demo-index
    python tools/page_screenshots.py demo-index

Serves the demonstration's index for a moment and writes docs/service-page.png and
docs/service-page-phone.png, in few colours so that the files stay small.
"""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import browser

DOCS = Path(__file__).resolve().parents[1] / "docs"
SEARCH = "/?q=fit+a+smooth+curve+through+noisy+points&filter=words+%3E%3D+40"
PICTURES: dict[str, dict[str, Any]] = {
    "service-page.png": {"viewport": {"width": 1280, "height": 860}},
    "service-page-phone.png": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 1.5,
    },
}
N_COLOURS = 256
START_LIMIT_S = 60


def main(arguments: Sequence[str]) -> int:
    """Take the pictures; return 2 when no index is named."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    from PIL import Image
    from playwright.sync_api import sync_playwright

    with served(arguments[0]) as url, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser.chromium(), args=["--no-sandbox"]
        )
        for name, options in PICTURES.items():
            page = chromium.new_context(**options).new_page()
            for _ in range(3):  # the first searches compile and load
                page.goto(url + SEARCH, wait_until="networkidle")
            page.wait_for_selector("#hits .bar")
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            picture.quantize(N_COLOURS, kmeans=3).save(DOCS / name, optimize=True)
            print(f"{DOCS / name}: {(DOCS / name).stat().st_size:,} bytes")
        chromium.close()
    return 0


@contextmanager
def served(index: str) -> Iterator[str]:
    """Serve an index until the block ends; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lsr = Path(sys.executable).with_name("lsr")
    with subprocess.Popen([lsr, "serve", index, "--port", str(port), "--quiet"]) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            await_answer(url, process)
            yield url
        finally:
            process.terminate()


def await_answer(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the service is ready to search."""
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz"):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("error: the service does not answer.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
