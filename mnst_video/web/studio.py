"""What is open in the studio, and what all of its pages share."""

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mnst_video.errors import InputError, UsageError
from mnst_video.interchange.formats import FORMATS
from mnst_video.media.files import whole
from mnst_video.media.frames import resize, working_size
from mnst_video.media.images import encode_image, load_image
from mnst_video.option_panels import shown_options
from mnst_video.option_types import STROKES
from mnst_video.presets import preset_names, preset_summary
from mnst_video.web.folders import KINDS, Folders, free_name, safe_name
from mnst_video.web.hub import Hub
from mnst_video.web.painter import Failure, Painter, Picture
from mnst_video.web.renders import Renders
from mnst_video.web.session import Session
from mnst_video.web.timing import easings

# Looks whose pictures are kept.
MOST_LOOKS = 12
# Longer side of a style as the page shows it.
THUMBNAIL = 320
# Options that the page has other controls for.
ELSEWHERE = {
    *("style", "style1", "style2", "gamma_from", "gamma_to", "gamma", "position", "strength"),
    *("preset", "mask_from"),
}


class Studio:
    """One clip at a time is open. May be used from several threads."""

    def __init__(self, folders: Sequence[Path], source: Path | None = None) -> None:
        """folders: that may be read and written. Raises InputError or UsageError where the clip
        cannot be opened."""
        self.folders, self.hub = Folders(folders), Hub()
        self._painter = Painter(self._painted)
        self._pictures: OrderedDict[tuple[int, str], bytes] = OrderedDict()
        self._asked = 0
        self._lock = threading.Lock()
        self._session: Session | None = None
        if source is not None:
            self._session = Session(source.resolve(), self.folders, self.hub.tell)

    def close(self) -> None:
        """End what belongs to the page; renders go on."""
        self._painter.close()
        if self._session is not None:
            self._session.close()

    @property
    def session(self) -> Session:
        """The clip that is open. Raises UsageError where none is."""
        if self._session is None:
            raise UsageError("no clip is open yet")
        return self._session

    @property
    def runs(self) -> Renders:
        return self.session.renders

    @property
    def about(self) -> dict[str, Any]:
        """What does not change while the studio runs: options, easings, presets, formats."""
        return {
            "options": [
                {
                    "name": shown.name,
                    "flag": shown.flag,
                    "panel": shown.panel,
                    "text": shown.text,
                    "default": shown.default,
                    "placeholder": shown.metavar,
                    "words": shown.words,
                    "closed": shown.closed,
                    "kind": _kind(shown.kind),
                }
                for shown in shown_options()
                if shown.name not in ELSEWHERE
            ],
            "strokes": {word: list(shares) for word, shares in STROKES.items()},
            "easings": easings(),
            "presets": [{"name": name, "about": preset_summary(name)} for name in preset_names()],
            "formats": {name: form.about for name, form in FORMATS.items()},
            "kinds": KINDS,
        }

    @property
    def state(self) -> dict[str, Any]:
        """What is open, and all that is known of it."""
        opened = [str(folder) for folder in self.folders.opened]
        if self._session is None:
            return {"folders": opened, "clip": None}
        return self.session.state | {"folders": opened}

    @property
    def renders(self) -> list[dict[str, Any]]:
        return self._session.renders.shown if self._session else []

    def files(self, kind: str) -> list[str]:
        """Files of a kind in the folders that are open. Raises UsageError."""
        if kind not in KINDS:
            raise UsageError(f"{kind}: there is no such kind of file")
        return self.folders.listing(kind)

    def open(self, path: str) -> None:
        """Open another clip. Raises InputError or UsageError."""
        source = self.folders.inside(path)
        if self._session is not None and source == self._session.source:
            return
        session = Session(source, self.folders, self.hub.tell)
        with self._lock:
            before, self._session = self._session, session
        if before is not None:
            before.close()
        self.hub.tell("opened")

    # What is dropped onto the page

    def upload_path(self, name: str, kind: str) -> Path:
        """Where a file goes that a page sends. Raises UsageError, MachineError."""
        name = safe_name(name)
        if kind not in KINDS or not name.lower().endswith(KINDS[kind]):
            known = ", ".join(KINDS.get(kind, ()))
            raise UsageError(f"{name}: this is no {kind}; use one of {known}")
        folder = self.folders.opened[0]
        if kind != "clip":
            folder = self.session.project.make_home()
        return free_name(folder / name)

    def uploaded(self, partial: Path, path: Path, kind: str) -> dict[str, str]:
        """Keep a file that has come. Raises InputError where it is none of its kind."""
        with whole(path, partial):
            if kind == "picture":
                try:
                    load_image(partial)
                except InputError as error:
                    raise InputError(str(error).replace(str(partial), path.name)) from None
        return {"path": str(path)}

    # Pictures

    def look(self, seconds: float, side: int = 320, strip: bool = False) -> dict[str, Any]:
        """Have a moment painted; its pictures are told as events. Raises UsageError."""
        try:
            seconds, side = float(seconds), int(side)
        except (TypeError, ValueError):
            seconds = math.nan
        if not math.isfinite(seconds):
            raise UsageError("seconds and side are numbers")
        with self._lock:
            self._asked += 1
            number = self._asked
        wanted, value, values = self.session.wanted(number, seconds, side, bool(strip))
        about = {"number": number, "seconds": seconds, "value": value, "strip": values}
        self.hub.tell("looking", about)  # before its pictures
        self._painter.ask(wanted)
        return about

    def _painted(self, came: Picture | Failure) -> None:
        if isinstance(came, Failure):
            self.hub.tell("look", {"number": came.number, "problem": came.why})
            return
        place = "picture" if came.place is None else str(came.place)
        with self._lock:
            self._pictures[came.number, place] = came.jpeg
            while len({number for number, _ in self._pictures}) > MOST_LOOKS:
                self._pictures.popitem(last=False)
        about = {
            "number": came.number,
            "place": came.place,
            "steps": came.steps,
            "last": came.last,
            "sigma2": came.sigma2,
        }
        self.hub.tell("look", about)

    def picture(self, number: int, place: str) -> bytes:
        """A picture that was told of. Raises UsageError where it is no longer kept."""
        with self._lock:
            if (number, place) not in self._pictures:
                raise UsageError("this picture is no longer kept")
            return self._pictures[number, place]

    def style(self, index: int, side: int = THUMBNAIL) -> bytes:
        """A style, its longer side at most this. Raises UsageError or InputError."""
        styles = self.session.project.options.styles
        if not 0 <= index < len(styles):
            raise UsageError(f"there is no style {index + 1}")
        frame = load_image(self.folders.readable(styles[index]))
        height, width = frame.shape[:2]
        return encode_image(resize(frame, *working_size(width, height, side)), ".jpg")

    def peaks(self, start: float, end: float, count: int) -> bytes:
        """Lowest and highest samples, int8, of parts of a time; nothing where there is no sound."""
        waveform = self.session.waveform
        if waveform is None or not start < end or count < 1:
            return b""
        return waveform.peaks(start, end, count).tobytes()


def _kind(kind: Any) -> str:
    """The type of an option's value in a word."""
    names = {float: "number", int: "integer", bool: "flag", Path: "file"}
    return names.get(kind, "list" if kind not in (str,) else "text")
