"""What a worker costs before it has read anything."""

from benchmarks.worker import start


def test_a_worker_starts_light():
    memory, seconds = start()
    assert memory < 150
    assert seconds < 1.5
