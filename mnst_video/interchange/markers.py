"""Lists of markers: CSV as Reaper and DaVinci Resolve write it, or of times and values; and EDL.

EDL is CMX 3600 with the lines that Resolve puts below an event for a marker:
`|C:ResolveColorBlue |M:NAME |D:1`. Events without such a line are edits, whose starts are cuts.
"""

import csv
import io
import re
from collections.abc import Sequence
from fractions import Fraction

from mnst_video.errors import InputError
from mnst_video.interchange.score import (
    Lane,
    Marker,
    Score,
    Writing,
    number_of,
    score_of_markers,
    text_of,
)
from mnst_video.timeline.clock import DROPPED, Clock
from mnst_video.timeline.timecode import Time

# Names of columns, in lower case, the first that is there counts.
TIMES = ("record in", "start", "timecode", "position", "time", "in")
TEXTS = ("value", "γ", "gamma", "strength", "notes", "name", "comments", "marker", "text")
EASINGS = ("easing",)
# Editors begin their timelines here.
HOUR = 3600
_CODE = r"\d{2}:\d{2}:\d{2}[:;]\d{2}"
_EVENT = re.compile(
    rf"(?P<number>\d{{1,6}})\s+.*?\s(?:{_CODE})\s+(?:{_CODE})\s+(?P<start>{_CODE})\s+(?:{_CODE})\s*"
)
_NAME = re.compile(r"\|M:(?P<name>[^|]*)")


def read_csv(text: str, clock: Clock | None, fps: Fraction | None) -> Score:
    """Rows as keys: with a head that names columns, else a time, a value and an easing a row.

    Raises InputError.
    """
    head = text.lstrip("\ufeff")
    mark = next((m for m in ("\t", ";") if m in head.partition("\n")[0]), ",")
    rows = [
        row for row in csv.reader(io.StringIO(head), delimiter=mark) if any(map(str.strip, row))
    ]
    if not rows:
        raise InputError("the file is empty")
    names = [cell.strip().lower() for cell in rows[0]]
    when = _column(names, TIMES)
    if when is None:
        if number_of(rows[0][0]) is None and not re.match(r"\d", rows[0][0]):
            raise InputError(f"no column of times; one is called {', '.join(TIMES)}")
        when, what, how = 0, 1, 2
    else:
        rows = rows[1:]
        what = next((c for name in TEXTS if (c := _column(names, (name,))) is not None), len(names))
        how = next(
            (c for name in EASINGS if (c := _column(names, (name,))) is not None), len(names)
        )
    codes, markers = [], []
    for number, row in enumerate(rows, 2 if when or names[when] in TIMES else 1):
        cells = [cell.strip() for cell in row] + [""] * 3
        text_there = cells[what] if what < len(row) else ""
        easing = cells[how] if how < len(row) else ""
        codes.append(_Code(cells[when], f"line {number}"))
        markers.append(f"{text_there} {easing}".strip())
    times = _seconds(codes, clock, fps)
    return score_of_markers([Marker(t, m) for t, m in zip(times, markers, strict=True)])


def write_csv(lane: Lane, _: Writing) -> str:
    """Time, value, easing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("time", "value", "easing"))
    for key in lane.inside:
        writer.writerow((f"{float(key.time):.6f}", f"{key.value:.6g}", str(key.easing)))
    return out.getvalue()


def write_reaper(lane: Lane, _: Writing) -> str:
    """Markers as Reaper's Region/Marker Manager has them, in minutes and seconds."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("#", "Name", "Start", "End", "Length"))
    for number, key in enumerate(lane.inside, 1):
        minutes, seconds = divmod(float(key.time), 60)
        writer.writerow((f"M{number}", text_of(key), f"{int(minutes)}:{seconds:09.6f}", "", ""))
    return out.getvalue()


def read_edl(text: str, clock: Clock | None, fps: Fraction | None) -> Score:
    """Markers as keys; of a list without any, the edits as cuts. Raises InputError."""
    events: list[tuple[_Code, str | None]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if match := _EVENT.fullmatch(line.strip()):
            events.append((_Code(match["start"], f"line {number}"), None))
        elif events and (name := _NAME.search(line)):
            events[-1] = events[-1][0], name["name"].strip()
    if not events:
        raise InputError("no events were found in it")
    times = _seconds([code for code, _ in events], clock, fps)
    markers = [
        Marker(t, name) for t, (_, name) in zip(times, events, strict=True) if name is not None
    ]
    if not markers:
        return Score(cuts=tuple(sorted({time for time in times if time > 0})))
    return score_of_markers(markers)


def write_edl(lane: Lane, _: Writing) -> str:
    """Markers as DaVinci Resolve has them, on a timeline that begins at one hour."""
    drop = lane.clock.fps in DROPPED
    lines = ["TITLE: mnst-video", f"FCM: {'' if drop else 'NON-'}DROP FRAME", ""]
    for number, key in enumerate(lane.inside, 1):
        frame = round(key.time * lane.clock.fps)
        start, end = (timecode(f, lane.clock.fps) for f in (frame, frame + 1))
        lines += [
            f"{number:03d}  001      V     C        {start} {end} {start} {end}  ",
            f" |C:ResolveColorBlue |M:{text_of(key)} |D:1",
            "",
        ]
    return "\n".join(lines)


def timecode(frame: int, fps: Fraction) -> str:
    """The timecode of a frame of a timeline that begins at one hour: SMPTE ST 12-1."""
    rate, dropped = max(round(fps), 1), DROPPED.get(fps, 0)
    number = frame + 60 * (60 * rate) - dropped * 54
    if dropped:
        tens, rest = divmod(number, 600 * rate - 9 * dropped)
        number += 9 * dropped * tens
        if rest >= 60 * rate:
            number += dropped * ((rest - 60 * rate) // (60 * rate - dropped) + 1)
    seconds, frames = divmod(number, rate)
    minutes, seconds = divmod(seconds, 60)
    mark = ";" if dropped else ":"
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}{mark}{frames:02d}"


class _Code:
    """A time as it was written, and where."""

    def __init__(self, text: str, where: str) -> None:
        self.where, self.text = where, text
        bars = re.fullmatch(r"(\d+)\.(\d+)\.(\d\d)", text)
        try:
            # Reaper counts hundredths of a beat from 0.
            self.time = Time.parse(f"{bars[1]}.{bars[2]}.1" if bars else text.replace(",", "."))
        except ValueError as error:
            raise InputError(f"{where}: {error}") from None
        self.hundredths = int(bars[3]) if bars else 0

    @property
    def counts_frames(self) -> bool:
        return self.time.unit in ("smpte", "drop")


def _seconds(codes: Sequence[_Code], clock: Clock | None, fps: Fraction | None) -> list[Fraction]:
    """The seconds of times; timecodes that begin at an hour are counted from there."""
    rate = fps or (clock.fps if clock else None)
    if rate is None and any(code.counts_frames for code in codes):
        raise InputError("it has timecodes: give their frames a second with --fps, or a --clip")
    tempo = clock.tempo if clock else None
    own = Clock((Fraction(0), Fraction(1) / (rate or 25)), rate or Fraction(25), tempo)
    found = []
    for code in codes:
        try:
            seconds = own.seconds(code.time)
            if code.hundredths and tempo is not None:
                seconds = tempo.seconds(tempo.beat(seconds) + Fraction(code.hundredths, 100))
        except ValueError as error:
            raise InputError(f"{code.where}: {error}") from None
        found.append(seconds)
    counted = bool(found) and all(code.counts_frames for code in codes)
    if counted and min(found) >= HOUR * Fraction(999, 1000):
        hour = own.seconds(Time(codes[0].time.unit, tuple(map(Fraction, (1, 0, 0, 0)))))
        found = [max(seconds - hour, Fraction(0)) for seconds in found]
    return found


def _column(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)
