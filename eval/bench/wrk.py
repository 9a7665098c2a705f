"""How does a service answer under load? wrk sends requests over many connections and counts.

wrk is a program of the system, in C, so that the load costs a fraction of what answering does.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from lsr.errors import ConfigError, ServiceError

TIMEOUT_S = 5
"""A request that takes longer counts as timed out."""

_SCRIPT = """
local threads = {}
function setup(thread) table.insert(threads, thread) end

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
statuses, bodies, sent = {}, {}, 0

function init(args)
  for line in io.lines(args[1]) do bodies[#bodies + 1] = line end
end

function request()
  sent = sent + 1
  return wrk.format(nil, nil, nil, bodies[sent % #bodies + 1])
end

function response(status) statuses[status] = (statuses[status] or 0) + 1 end

function done(summary, latency)
  local counts = {}
  for _, thread in ipairs(threads) do
    for status, n in pairs(thread:get("statuses")) do
      counts[#counts + 1] = string.format('"%d": %d', status, n)
    end
  end
  local errors = summary.errors
  print(string.format(
    'RESULT {"seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f, ' ..
    '"n_timeouts": %d, "n_broken": %d, "statuses": {%s}}',
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, errors.timeout, errors.connect + errors.read + errors.write,
    table.concat(counts, ", ")))
end
"""


class Load(msgspec.Struct, frozen=True):
    """How a service fared under one load.

    Attributes:
        seconds: that the load lasted.
        p50_ms: half of the answers took longer.
        p99_ms: one answer in a hundred took longer.
        max_ms: the longest.
        n_timeouts: requests that were not answered within `TIMEOUT_S`.
        n_broken: connections that were refused or broke off.
        statuses: answers by their HTTP status.
    """

    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    n_timeouts: int
    n_broken: int
    statuses: dict[str, int]

    @property
    def answered_per_second(self) -> float:
        """Answers with status 200 a second."""
        return self.statuses.get("200", 0) / self.seconds


def find_wrk() -> str:
    """Return where wrk is installed.

    Raises:
        ConfigError: it is not.
    """
    found = shutil.which("wrk")
    if found is None:
        raise ConfigError(
            "The load is made by the program wrk, which is not installed; install it, for example "
            "with apt-get install wrk."
        )
    return found


def load(url: str, bodies: Sequence[bytes], n_connections: int, seconds: int) -> Load:
    """Post requests for a while, as many at a time as there are connections.

    Args:
        url: where to.
        bodies: JSON of the requests, in turn, without line breaks.
        n_connections: each waits for an answer before it sends the next request.
        seconds: how long.

    Raises:
        ConfigError: wrk is not installed.
        ServiceError: wrk could not do it.
    """
    with TemporaryDirectory() as folder:
        script, lines = Path(folder) / "load.lua", Path(folder) / "bodies.jsonl"
        script.write_text(_SCRIPT)
        lines.write_bytes(b"\n".join(bodies))
        done = subprocess.run(
            [
                *(find_wrk(), "--threads", "1", "--connections", str(n_connections)),
                *("--duration", f"{seconds}s", "--timeout", f"{TIMEOUT_S}s"),
                *("--script", str(script), url, "--", str(lines)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    _, found, result = done.stdout.partition("RESULT ")
    if not found:
        raise ServiceError(f"wrk failed on {url}: {(done.stderr or done.stdout).strip()}.")
    return msgspec.json.decode(result, type=Load)
