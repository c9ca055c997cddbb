"""Standard output and error that may be closed or full: work goes on, and what is lost is told."""

import io
import os
import sys


class Outlet(io.TextIOWrapper):
    """A standard stream. `error` is why it could not be written; then nothing more is tried."""

    error: OSError | None = None

    def write(self, text: str) -> int:
        if self.error is None:
            try:
                return super().write(text)
            except OSError as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        if self.error is None:
            try:
                super().flush()
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.error = error
        # What is buffered is written at the end once more, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())

    @property
    def lost(self) -> OSError | None:
        """Why something is lost that somebody waits for: not where the reader has gone."""
        return None if isinstance(self.error, BrokenPipeError) else self.error


def take_over() -> None:
    """Make the standard streams such ones, where they are plain ones."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
        elif type(stream) is io.TextIOWrapper:  # in tests they are others
            encoding, by_line = stream.encoding, stream.line_buffering
            # A narrow encoding must not end a finished run.
            outlet = Outlet(
                stream.detach(), encoding=encoding, errors="replace", line_buffering=by_line
            )
            setattr(sys, name, outlet)
