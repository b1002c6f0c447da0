"""Settings of all tests: how many examples are drawn, and one thread per worker."""

import os
from pathlib import Path

from hypothesis import settings

# No deadline: the first call of an operation loads code.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("thorough", deadline=None, max_examples=1000)
# `pytest --hypothesis-profile=NAME` comes later and wins.
settings.load_profile("ci" if os.environ.get("CI") else "default")

# The workers of pytest-xdist share the cores. Read when torch and BLAS load, so tests that need
# neither do not load them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Triton kernels run in its interpreter where there is no GPU. Read when Triton loads.
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")
