"""Which files the studio may touch: those under the folders that were opened for it."""

import re
from collections.abc import Container, Iterable
from pathlib import Path

from mnst_video.errors import UsageError
from mnst_video.options import resource

# Names that a page may give to files: what is no letter, digit, or one of these becomes `_`.
_ODD = re.compile(r"[^\w.() -]")
# Files that are listed of a folder at most.
MOST_LISTED = 2000

KINDS = {
    "clip": (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".gif", ".webp"),
    "picture": (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".avif"),
    "sound": (".wav", ".mp3", ".m4a", ".flac", ".ogg", ".opus", ".aac"),
    "preset": (".toml", ".mnst.json"),
    "timeline": (".csv", ".txt", ".mid", ".midi", ".edl", ".otio", ".json"),
    "model": (".safetensors",),
}


class Folders:
    """The folders that the person who started the studio opened; links are followed first."""

    def __init__(self, opened: Iterable[Path]) -> None:
        self.opened = tuple(dict.fromkeys(path.resolve() for path in opened))

    def inside(self, path: Path | str) -> Path:
        """A path, which has to lie in one of them. Raises UsageError."""
        found = Path(path)
        if not found.is_absolute():
            found = self.opened[0] / found
        try:
            found = found.resolve()
        except (OSError, RuntimeError, ValueError):
            raise UsageError(f"{path}: this is no path") from None
        if not any(found.is_relative_to(folder) for folder in self.opened):
            raise UsageError(
                f"{path}: lies outside of the folders that are open; start the studio with "
                f"--folder {found.parent}"
            )
        return found

    def readable(self, path: Path | str) -> Path:
        """The same, or a file that is shipped with the program."""
        found = Path(path).resolve()
        if any(found.is_relative_to(resource(name).resolve()) for name in ("samples", "presets")):
            return found
        return self.inside(path)

    def listing(self, kind: str) -> list[str]:
        """Files of a kind in them, as paths that `inside` takes."""
        endings = KINDS[kind]
        found: list[str] = []
        for folder in self.opened:
            for path in sorted(folder.iterdir()):
                name = path.name.lower()
                if name.endswith(endings) and not name.startswith(".") and path.is_file():
                    found.append(str(path))
        return found[:MOST_LISTED]


def safe_name(name: str) -> str:
    """The name of a file that a page gives, without a folder and without what is odd.

    Raises UsageError where nothing is left.
    """
    last = re.split(r"[/\\]", name)[-1]
    kept = _ODD.sub("_", last).strip(" .")[-120:].lstrip("-")
    if not kept or not Path(kept).stem:
        raise UsageError(f"{name[:40]!r}: this is no name for a file")
    return kept


def free_name(path: Path, taken: Container[str] = ()) -> Path:
    """A path that nothing has yet: itself, or with a number behind its stem.

    taken: paths that something is going to have.
    """
    number, found = 2, path
    while found.exists() or found.is_symlink() or str(found) in taken:
        found = path.with_name(f"{path.stem}_{number}{path.suffix}")
        number += 1
    return found
