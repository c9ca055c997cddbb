"""The failures a person is shown: each is one line, and knows its exit code."""

import errno
from pathlib import Path


class MnstError(Exception):
    """Base of all expected failures; the message says what is wrong, where, and what to do."""

    exit_code = 1


class UsageError(MnstError):
    """An option, preset, gamma or output path that cannot be."""

    exit_code = 2


class TextError(UsageError, ValueError):
    """A text that cannot be read: the message shows it, with the place »marked«."""

    def __init__(self, text: str, start: int, end: int, problem: str) -> None:
        before, after = text[:start], text[end:]
        if len(before) > 30:
            before = "…" + before[-30:]
        if len(after) > 30:
            after = after[:30] + "…"
        message = f"{before}»{text[start:end]}«{after}: {problem}"
        super().__init__(" ".join(message.split()))
        self._made_of = text, start, end, problem

    def __reduce__(self) -> tuple[type["TextError"], tuple[str, int, int, str]]:
        """For jobs of their own, which pickle what they raise."""
        return type(self), self._made_of


class InputError(MnstError):
    """A clip or a picture that cannot be read, or that lacks frames."""

    exit_code = 3


class MachineError(MnstError):
    """Disk, memory, encoder or weights failed, or are not there."""

    exit_code = 4


def unwritten(path: Path, error: OSError) -> MachineError:
    """What is said where a file cannot be written."""
    full, denied = (errno.ENOSPC, errno.EDQUOT), (errno.EACCES, errno.EPERM, errno.EROFS)
    advice = ""
    if error.errno in full:
        advice = "; make room there, and give the same command again"
    elif error.errno == errno.EFBIG:
        advice = "; raise the limit (ulimit -f), and give the same command again"
    elif error.errno in denied:
        advice = f"; make {path.parent} writable, or choose another folder"
    return MachineError(f"{path}: cannot be written ({error.strerror}){advice}")


class DivergedError(MnstError):
    """The loss became NaN or infinite."""

    exit_code = 5


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a run the way Ctrl-C does."""
