"""Every test runs with one thread, so that `pytest -n 2` keeps two cores busy with two processes that don't fight over them.

The environment may say otherwise. NumPy and Numba read it when they are imported, which is after this.
"""

import os

for threads in ("OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(threads, "1")
