"""The look of moments, painted in a process of its own: the newest one that is asked for."""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from mnst_video.errors import MnstError
from mnst_video.media.clip import Clip
from mnst_video.media.images import encode_image
from mnst_video.presets import make_options
from mnst_video.stills.moment import Moment
from mnst_video.timeline.fader import Fader

if TYPE_CHECKING:
    from mnst_video.stills.look import Looker


@dataclass(frozen=True)
class Wanted:
    """What is to be painted: a moment of a clip at a size, and then small ones over the fader.

    number: of the request, which its pictures come back with. settings: as a preset has them.
    """

    number: int
    clip: Clip
    settings: Mapping[str, Any]
    moment: Moment
    side: int
    strip: Sequence[Fader] = ()


@dataclass(frozen=True)
class Picture:
    """A picture, a JPEG, for the request of this number; place: in the strip, else None.

    steps: that were taken. last: whether no finer one follows. sigma2: of each pair of styles.
    """

    number: int
    jpeg: bytes
    steps: int
    last: bool
    sigma2: tuple[float, ...] = ()
    place: int | None = None


@dataclass(frozen=True)
class Failure:
    """Why a request has no picture."""

    number: int
    why: str


Told = Callable[[Picture | Failure], None]


class Painter:
    """Asks the process, which is started with the first request, and anew where it died."""

    def __init__(self, told: Told) -> None:
        """told: called from a thread with whatever comes back."""
        self._told = told
        self._lock = threading.Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._line: Connection | None = None

    def ask(self, wanted: Wanted) -> None:
        """Paint this, and nothing that was asked for before."""
        with self._lock:
            if self._process is None or not self._process.is_alive():
                self._start()
            assert self._line is not None
            try:
                self._line.send(wanted)
            except OSError:  # it has just died
                self._start()
                self._line.send(wanted)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_paint, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        threading.Thread(target=self._hear, args=(self._line,), daemon=True).start()

    def _hear(self, line: Connection) -> None:
        number = 0
        while True:
            try:
                came = line.recv()
            except (EOFError, OSError):
                if self._line is line:
                    self._told(Failure(number, "the painting process ended; move the playhead"))
                return
            number = came.number
            self._told(came)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            line, self._line = self._line, None
            if line is not None:
                line.close()
            if self._process is not None:
                self._process.terminate()
                self._process.join(5.0)


def _paint(line: Connection) -> None:
    """What the process does: it ends when nobody is at the other end."""
    # Only here: the server itself does without torch.
    from mnst_video.stills.look import Looker, Superseded

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the studio itself is interrupted
    looker: Looker | None = None
    try:
        while True:
            wanted = line.recv()
            while line.poll():
                wanted = line.recv()
            if looker is None or looker.clip != wanted.clip:
                looker = Looker(wanted.clip, line.poll)
            try:
                _answer(looker, wanted, line)
            except Superseded:
                continue
    except (EOFError, OSError):
        return


def _answer(looker: "Looker", wanted: Wanted, line: Connection) -> None:
    from mnst_video.painting.machine import memory_errors

    number, moment = wanted.number, wanted.moment
    try:
        options = make_options((), wanted.settings)
        with memory_errors(options.machine):
            for seen in looker.look(options, moment, wanted.side):
                height, width = seen.frame.shape[:2]
                sigma2 = looker.balance(options, (width, height))
                jpeg = encode_image(seen.frame, ".jpg")
                line.send(Picture(number, jpeg, seen.steps, seen.last, sigma2))
            for place, frame in enumerate(looker.strip(options, moment, wanted.strip)):
                line.send(Picture(number, encode_image(frame, ".jpg"), 0, True, (), place))
    except MnstError as error:
        line.send(Failure(number, str(error)))
