"""What can a service be asked, and what bounds it? Writes docs/openapi.json and a table of limits.

The table of docs/service.md is made of `Settings`, the description of the paths of the application.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
import tempfile
from pathlib import Path

from pydantic_core import PydanticUndefined

from lsr.service.app import create_app
from lsr.service.settings import Settings

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN, END = "<!-- limits: written by tools/write_service_docs.py -->\n", "<!-- end of limits -->\n"

_ATTRIBUTE = re.compile(r"^(\w+): (.+)$")


def openapi() -> str:
    """Return the description of all paths, as a service without indexes gives it."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app([Path(folder)], Settings(log_requests=False))
        description = json.dumps(app.openapi(), indent=1, sort_keys=True, ensure_ascii=False)
        app.state.writing.close()
        app.state.searching.close()
    return description + "\n"


def limits() -> str:
    """Return the table of settings, with their meanings from the docstring."""
    rows = ["| setting | unless set | meaning |", "|---|---|---|"]
    for name, meaning in meanings().items():
        default = Settings.model_fields[name].default
        shown = "by the machine" if default is PydanticUndefined else _shown(default)
        rows.append(f"| `{name}` | {shown} | {meaning} |")
    return "\n".join(rows) + "\n"


def meanings() -> dict[str, str]:
    """Return what the docstring of `Settings` says of each."""
    text = inspect.getdoc(Settings) or ""
    found: dict[str, str] = {}
    name = ""
    for line in text.partition("Attributes:\n")[2].splitlines():
        starts = _ATTRIBUTE.match(line.strip()) if line.startswith("    ") else None
        if starts and not line.startswith("     "):
            name, meaning = starts.groups()
            found[name] = meaning
        else:
            found[name] += f" {line.strip()}"
    return found


def page() -> str:
    """Return docs/service.md with a table that is current."""
    before, _, rest = (DOCS / "service.md").read_text(encoding="utf-8").partition(BEGIN)
    return before + BEGIN + limits() + END + rest.partition(END)[2]


def _shown(default: object) -> str:
    if default is None or default == {}:
        return "none"
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:,}" if isinstance(default, int) else f"{default:g}"


def main() -> None:
    """Write both, or with --check say whether they are current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="Write nothing; fail when stale.")
    is_check = parser.parse_args().check
    for name, content in (("openapi.json", openapi()), ("service.md", page())):
        path = DOCS / name
        if not is_check:
            path.write_text(content, encoding="utf-8")
            print(f"wrote {path}")
        elif not path.exists() or path.read_text(encoding="utf-8") != content:
            sys.exit(f"{path} is stale; run make docs.")


if __name__ == "__main__":
    main()
