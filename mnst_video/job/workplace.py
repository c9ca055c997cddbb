"""What all work on an output has in common: it is alone, memory errors are told, and it counts."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mnst_video.job.lock import alone, lock_of
from mnst_video.painting.machine import memory_errors
from mnst_video.painting.settings import Machine

# Called with what is done and all there is to do, in pictures or steps.
CountObserver = Callable[[int, int], None]


@contextlib.contextmanager
def at_work(output: Path | None, machine: Machine) -> Iterator[None]:
    """Work alone on an output, if there is one, in the memory of a machine.

    Raises UsageError where another run works on it, MachineError where memory runs out.
    """
    with contextlib.ExitStack() as stack:
        if output is not None:
            stack.enter_context(alone(lock_of(output), output, "--output"))
        stack.enter_context(memory_errors(machine))
        yield


@dataclass
class Count:
    """Counts what is done, tells it, and knows the seconds since it was made."""

    observe: CountObserver | None
    total: int = 0
    done: int = 0
    begun: float = field(default_factory=time.monotonic)

    def one(self) -> None:
        """One more is done."""
        self.done += 1
        if self.observe is not None:
            self.observe(self.done, self.total)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun
