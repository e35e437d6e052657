"""What every test begins with, wherever the suite is started from: one thread, and a Ctrl-C that works.

With one thread `pytest -n 2` keeps two cores busy with two processes that don't fight over them. The
environment may say otherwise; NumPy and Numba read it when they are imported, which is after this. A shell
that starts the suite in the background has it ignore SIGINT, and Python leaves it so: the tests of
interruption need the handler that a program in the foreground has.
"""

import os
import signal
import threading

for threads in ("OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(threads, "1")
if (
    threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):
    signal.signal(signal.SIGINT, signal.default_int_handler)
