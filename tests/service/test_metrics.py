"""Times are counted as Prometheus' own histogram counts them."""

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from lsr.service.metrics import SECONDS, Durations

TIMES = [0.0, 0.0004, 0.0005, 0.00051, 0.3, 9.9, 10, 10.1, 100]


def test_times_are_counted_as_the_library_counts_them() -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("waits", "Waits.", ["who"], buckets=SECONDS, registry=theirs)
    durations = Durations("waits", "Waits.", "who")
    ours.register(durations)

    for number, seconds in enumerate(TIMES):
        histogram.labels(f"client {number % 2}").observe(seconds)
        durations.count(f"client {number % 2}", seconds)

    expected = [one for one in generate_latest(theirs).splitlines() if b"created" not in one]
    assert generate_latest(ours).splitlines() == expected
