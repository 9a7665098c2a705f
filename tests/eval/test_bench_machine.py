import os

import pytest

import lsr.eval.bench.machine as machine

CPUINFO = """processor : 0
model name\t: Example CPU 3000
flags\t\t: fpu avx2 avx512_bf16 sse
processor : 1
model name\t: Example CPU 3000
"""


def test_facts_are_read_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_read", lambda path: CPUINFO)

    facts = machine.this_machine(["numpy", "no-such-package"])

    assert facts.cpu == "Example CPU 3000"
    assert facts.isa == ("avx2", "avx512_bf16")
    assert 1 <= facts.n_cores <= (os.cpu_count() or 1)
    assert facts.packages["numpy"]
    assert facts.packages["no-such-package"] is None
    assert "no-such-package -" in str(facts)


def test_a_system_without_cpuinfo_still_has_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_read", lambda path: "")

    facts = machine.this_machine()

    assert facts.cpu
    assert "unknown ISA" in str(facts)
