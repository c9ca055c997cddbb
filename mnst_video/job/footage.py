"""The content of the frames to paint, or their masks: read once, in order, for all shots."""

import contextlib
import shutil
from collections.abc import Collection, Generator, Iterator
from pathlib import Path

from mnst_video.errors import unwritten
from mnst_video.media.frames import Frame
from mnst_video.media.images import decode_frame, encode_image

# Bytes on disk that frames may take that were decoded on the way to a later shot.
MOST_BYTES = 2**32
# What a pixel takes there, in bytes.
BYTES_PER_PIXEL = 2


class Footage:
    """Frames of a clip at the working size, or their masks, until it is closed.

    A seek is not exact in every format, so all is decoded from the start on. What is passed over
    waits in a folder, as PNG.
    """

    def __init__(
        self,
        frames: Generator[Frame, None, None],
        size: tuple[int, int],
        numbers: Collection[int],
        folder: Path,
    ) -> None:
        """frames: those of some numbers, in order; it is closed with this.

        folder: for what waits; it is made where it is needed, and removed in the end.
        """
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
        self._numbers = iter(sorted(numbers))
        self._frames = frames
        self._waiting: set[int] = set()
        self._most = MOST_BYTES // (size[0] * size[1] * BYTES_PER_PIXEL)

    def close(self) -> None:
        """Remove what waits."""
        self._frames.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def can_wait(self, frames: int) -> bool:
        """Whether there is room for so many more frames that are passed over."""
        return len(self._waiting) + frames <= self._most

    def frames(self, numbers: Collection[int]) -> Iterator[Frame]:
        """Some frames, in order, each once: what is given is let go."""
        for number in numbers:
            if number in self._waiting:
                yield decode_frame(self._path(number).read_bytes())
                self.let_go([number])
            else:
                yield self._read_to(number)

    def kept(self, numbers: Collection[int]) -> list[bytes]:
        """Some frames as PNG files have them; they may be asked for again, until `let_go`."""
        for number in numbers:
            if number not in self._waiting:
                self._keep(number, self._read_to(number))
        return [self._path(number).read_bytes() for number in numbers]

    def let_go(self, numbers: Collection[int]) -> None:
        """These are no longer needed."""
        for number in self._waiting.intersection(numbers):
            self._waiting.remove(number)
            with contextlib.suppress(OSError):
                self._path(number).unlink()

    def _read_to(self, number: int) -> Frame:
        for passed, frame in zip(self._numbers, self._frames, strict=False):
            if passed == number:
                return frame
            self._keep(passed, frame)
        raise ValueError(f"frame {number} was let go, or never wanted")

    def _keep(self, number: int, frame: Frame) -> None:
        path = self._path(number)
        try:
            self._folder.mkdir(exist_ok=True)
            path.write_bytes(encode_image(frame, ".png"))
        except OSError as error:
            raise unwritten(path, error) from None
        self._waiting.add(number)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.png"
