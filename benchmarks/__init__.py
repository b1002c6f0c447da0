"""Timings of the project, with the peers beside them: `python -m benchmarks`."""
