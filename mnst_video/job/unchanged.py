"""Files that a work reads for hours, and whether they stay what they were."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from mnst_video.errors import InputError
from mnst_video.media.files import file_digest

# Size, and time of the last change in nanoseconds; None: there is no such file.
Stamp = tuple[int, int] | None


class Watched:
    """Some files as they are when this is made; `digests` by path."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._stamps = {path: _stamp(path) for path in paths}
        self.digests = {path: file_digest(path) for path in self._stamps}

    def check(self, paths: Iterable[Path] | None = None) -> None:
        """Raise InputError unless files, default all, are what they were.

        Contents are read only in doubt.
        """
        for path in self._stamps if paths is None else paths:
            stamp, now = self._stamps[path], _stamp(path)
            if now is None:
                raise InputError(f"{path}: is gone; bring it back and give the same command again")
            if now == stamp:
                continue
            if file_digest(path) != self.digests[path]:
                raise InputError(
                    f"{path}: has changed since the render began; put the old one back and give "
                    "the same command again, or begin anew with --restart"
                )
            self._stamps[path] = now

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """Check at the end of the block, and where it fails for what it read."""
        try:
            yield
        except InputError:
            self.check()
            raise
        self.check()


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
