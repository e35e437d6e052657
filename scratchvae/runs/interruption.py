"""A training is asked to stop by Ctrl-C, or by the SIGTERM that schedulers and `kill` send."""

import signal
import threading
from types import FrameType
from typing import Any

from scratchvae.training import Training


class Interruption:
    """While `with` lasts, a first signal ends the training after its current step.

    A second signal does what it did before. The object is a callback of that training. `status` is the exit
    status that a shell gives to what those signals end: 130 after SIGINT, 143 after SIGTERM, and 0 where none
    came. A signal that the process ignores stays ignored. A thread other than the main one receives no
    signals and is not interrupted.
    """

    def __init__(self) -> None:
        self.status = 0
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            heard = [
                one for one in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(one) is not signal.SIG_IGN
            ]
            self.before = {one: signal.signal(one, self._receive) for one in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for one, handler in self.before.items():
            signal.signal(one, handler)

    def __call__(self, training: Training, event: str) -> None:
        if self.status and event in ("start", "step", "epoch"):
            training.interrupted = True

    def _receive(self, number: int, _: FrameType | None) -> None:
        self.status = 128 + number
        self.__exit__()
