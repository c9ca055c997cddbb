"""A chunk: some frames of a shot in a row, with all that is needed to paint them anywhere."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mnst_video.errors import DivergedError
from mnst_video.job.events import StepDone
from mnst_video.media.frames import Frame
from mnst_video.media.images import decode_frame, encode_image, note_of, with_note
from mnst_video.method.device import leaves_cores_idle
from mnst_video.method.regions import Levels
from mnst_video.painting.aim import Aim
from mnst_video.painting.areas import MaskedAim, Masks
from mnst_video.painting.faces import Faces
from mnst_video.painting.frame import Figures, Previous, Result
from mnst_video.painting.palette import Palette
from mnst_video.painting.prefetch import ahead
from mnst_video.painting.shot import Seam, stylize_shot
from mnst_video.painting.styles import Calibrations, Styles
from mnst_video.timeline.fader import Fader, Split


@dataclass(frozen=True)
class Painted:
    """A finished frame, as a PNG file has it; `shot` is the shot's index.

    Where paint is still of another side than its mask's, the PNG has that as a note.
    own: whether it is a piece's own, which a seam replaces.
    """

    frame: int
    shot: int
    picture: bytes
    figures: Figures
    seconds: float
    own: bool = False


@dataclass(frozen=True)
class Chunk:
    """Frames to paint, and what they are painted from and towards.

    shot: its index. chain: whatever tells chains apart.
    content: as frames, or as PNG files have them. It, and `faders`, begin with the frame before
        where the chunk goes on inside a shot.
    faces: those of each frame, which are to stay.
    masks: like the content, where frames have some; splits: what they stand for, like the faders.
    own: of a seam, the piece's own frames before each of these, see `Seam`. left: frames to the end
        of the seam.
    """

    shot: int
    chain: int
    frames: range
    goes_on: bool
    content: Iterable[Frame | bytes]
    faders: Sequence[Fader]
    faces: Sequence[Faces]
    palette: Palette | None
    calibrations: Calibrations
    masks: Iterable[Frame | bytes] | None = None
    splits: Sequence[Split] = ()
    own: Sequence[bytes | None] = ()
    left: int = 0


def paint_chunk(
    styles: Styles,
    chunk: Chunk,
    before: Painted | None,
    on_step: Callable[[StepDone], None],
) -> Generator[Painted, None, None]:
    """Paint the frames of a chunk in order.

    before: the frame before, where the chunk goes on. That, its content and its fader are all that
        is left of it: any machine can go on.
    Raises DivergedError.
    """
    styles = styles.in_colors(chunk.palette)
    content = _decoded(chunk.content)
    masks = None
    if chunk.masks is not None:
        masks = map(Masks, _decoded(chunk.masks), iter(chunk.splits))
    faders, previous = iter(chunk.faders), None
    if before is not None:
        pixels = np.asarray(decode_frame(before.picture), np.float32)
        aim = Aim.at(styles, chunk.calibrations, next(faders))
        if masks is not None:
            own, note = next(masks), note_of(before.picture)
            sides = own.sides if note is None else decode_frame(note)[..., 0]
            aim = MaskedAim.of(styles, chunk.calibrations, own, sides=sides)
        previous = Previous(next(content), Result.again(pixels, before.figures), aim)
    seam = None
    if chunk.own:
        pieces = [None if picture is None else decode_frame(picture) for picture in chunk.own]
        seam = Seam(pieces, chunk.left)
    frame = chunk.frames.start

    def asked() -> Iterator[Fader]:
        """One by one, as each frame is begun."""
        nonlocal frame
        for number, fader in zip(chunk.frames, faders, strict=True):
            frame = number
            yield fader

    def step_done(step: int, *_: object) -> None:
        on_step(StepDone(frame, step + 1))

    wanted: deque[Levels] = deque()  # which results are ahead of

    def asked_masks(masks: Iterator[Masks]) -> Iterator[Masks]:
        for mask in masks:
            wanted.append(mask.sides)
            yield mask

    results: Generator[Result, None, None] = stylize_shot(
        styles,
        chunk.calibrations,
        content,
        asked(),
        previous,
        step_done,
        chunk.faces,
        seam,
        None if masks is None else asked_masks(masks),
    )
    if leaves_cores_idle(styles.network.device):
        results = ahead(results)  # a frame is written while the next one is painted
    with contextlib.closing(results):
        for number in chunk.frames:
            begun = time.monotonic()
            try:
                result = next(results)
            except DivergedError as error:
                raise DivergedError(f"frame {number}: {error}") from None
            picture = encode_image(result.frame, ".png")
            if result.sides is not None and (result.sides != wanted.popleft()).any():
                picture = with_note(picture, encode_image(np.dstack([result.sides] * 3), ".png"))
            seconds = time.monotonic() - begun
            yield Painted(number, chunk.shot, picture, result.figures, seconds)


def _decoded(pictures: Iterable[Frame | bytes]) -> Iterator[Frame]:
    return (decode_frame(p) if isinstance(p, bytes) else p for p in pictures)
