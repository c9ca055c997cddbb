"""A job as its folder has it: taken up where it stopped, or begun, and kept as frames are done.

A job folder holds `job.json` (the settings that decide the frames, and the analysis), a PNG per
frame, and `frames.jsonl`, a line per finished frame with its digest; runs that paint some shots
each, at once, have such a log for each shot, `frames-0001.jsonl`. A frame counts as finished
when its line is there and its file has that digest; whatever is not, is rendered again, to the
same bytes.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mnst_video.errors import MachineError, UsageError, unwritten
from mnst_video.job.chunk import Painted
from mnst_video.job.events import Looking, Observer
from mnst_video.job.fingerprint import differences, fader_json, fingerprint
from mnst_video.job.folder import frame_path, logs, move_aside, shot_log
from mnst_video.job.site import Site
from mnst_video.job.unchanged import Watched
from mnst_video.job.workplace import Count
from mnst_video.media.files import file_digest, write_bytes
from mnst_video.painting.frame import Figures
from mnst_video.plan.analysis import Analysis, analyse, frames_to_look_at, with_faces
from mnst_video.plan.segments import Segments, segments_of
from mnst_video.plan.setup import Setup
from mnst_video.plan.shots import Shot, shots_within

# A line of the log: what is known of a finished frame.
Entry = dict[str, Any]


# Of a clip's shots, those that a run is about, which from then on are its own.
Claim = Callable[[tuple[Shot, ...]], tuple[Shot, ...]]


class Job:
    """What is there of a render. settings: its fingerprint. shots: those that this run is about.
    log: their finished frames. own: those of pieces' own that are finished.
    """

    def __init__(
        self,
        setup: Setup,
        folder: Path,
        site: Site,
        restart: bool,
        observe: Observer,
        claim: Claim,
        *,
        some: bool = False,
    ) -> None:
        """Take up the job that the folder holds, or begin one.

        some: others may paint other shots at the same time: each shot has a log of its own.
        observe: called with `Looking` while the clip is looked at, which a job does once.
        Raises UsageError where it holds another one, unless `restart` moves that aside, or
        MachineError.
        """
        self.setup = setup
        self.folder = folder
        files, audio = setup.clip.files, setup.asked.audio
        self._others = (audio,) if audio else ()  # the sound is read again at the end
        masks = setup.masks.files if setup.masks is not None else ()
        self.watched = Watched((*files, *masks, *self._others))
        self.settings = fingerprint(setup, site.settings(setup), self.watched.digests)
        self.analysis = _saved(folder, self.settings, restart) or self._begin(observe, site)
        every = shots_within(self.analysis.shots, setup.frames.start, setup.frames.stop)
        self.shots, self._some = claim(every), some
        fps = setup.clip.times.fps
        self.segments = segments_of(self.shots, setup.options.segments, fps)
        self.log, self.own = _whole(folder, self.segments)
        self.reused = len(self.log)
        entries = (*self.log.values(), *self.own.values())
        if some:
            for shot in self.shots:
                of_shot = (entry for entry in entries if entry["frame"] in shot.frames)
                _write(shot_log(folder, shot.index), of_shot)
        else:
            _write(folder / "frames.jsonl", entries)
            for path in logs(folder)[1:]:
                path.unlink(missing_ok=True)

    def _begin(self, observe: Observer, site: Site) -> Analysis:
        """Analyse the clip and save what a job begins with."""
        total = frames_to_look_at(self.setup)
        looks = Count(lambda looked, frames: observe(Looking(looked, frames)), total)
        with self.watched.unchanged():
            shots = analyse(self.setup, looks.one, site.measure(self.setup))
            analysis = with_faces(self.setup, shots, looks.one)
        job = {"settings": self.settings, "analysis": analysis.to_json()}
        write_bytes(self.folder / "job.json", json.dumps(job, indent=1).encode())
        return analysis

    @property
    def pending(self) -> tuple[int, ...]:
        """The numbers of the frames that are not there yet."""
        return tuple(f for shot in self.shots for f in shot.frames if f not in self.log)

    def phases(self) -> Iterator[tuple[Sequence[Shot], frozenset[int], bool]]:
        """What is to be painted one after the other, with what is missing of it: pieces, seams.

        Asked for one by one. The last value: whether it is seams.
        """
        pieces, seams, own = self.segments.pieces, self.segments.seams, self.segments.own
        frames = (frame for piece in pieces for frame in piece.frames)
        missing = (f for f in frames if f not in (self.own if f in own else self.log))
        joined = {f for seam in seams if self._all(seam) for f in seam.frames}
        yield pieces, frozenset(missing) - joined, False
        yield seams, frozenset(own - self.log.keys()), True

    def _all(self, shot: Shot) -> bool:
        return all(frame in self.log for frame in shot.frames)

    def keep(self, painted: Painted) -> None:
        """Write a frame. Raises InputError where its clip is not what it was, or MachineError."""
        # What came of another file is never taken for finished.
        self.watched.check((*self._files_of(painted.frame), *self._others))
        write_bytes(frame_path(self.folder, painted.frame, painted.own), painted.picture)
        entry = {
            "frame": painted.frame,
            **fader_json(self.setup.course.fader(painted.frame)),
            **painted.figures.to_json(),
            "sha256": hashlib.sha256(painted.picture).hexdigest(),
            **({"own": True} if painted.own else {}),
        }
        path = self.folder / "frames.jsonl"
        if self._some:
            path = shot_log(self.folder, painted.shot)
        try:
            with path.open("a") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise unwritten(path, error) from None
        (self.own if painted.own else self.log)[painted.frame] = entry

    def kept(self, frame: int, shot: Shot, own: bool = False) -> Painted:
        """A frame of a shot that is there. Raises MachineError where it cannot be read.

        own: a piece's own, if it is there; the last one of a seam is the same.
        """
        own = own and frame in self.own
        path = frame_path(self.folder, frame, own)
        try:
            picture = path.read_bytes()
        except OSError as error:
            raise MachineError(f"{path}: cannot be read ({error.strerror})") from None
        entry = (self.own if own else self.log)[frame]
        return Painted(frame, shot.index, picture, Figures.from_json(entry), 0.0)

    def let_go(self) -> None:
        """Remove what seams have replaced."""
        for frame in self.segments.own:
            frame_path(self.folder, frame, own=True).unlink(missing_ok=True)

    def _files_of(self, frame: int) -> set[Path]:
        """What a frame was painted from: it, and the one before it."""
        pictures, times = self.setup.clip.decoding.pictures, self.setup.clip.times
        if not pictures:
            return {self.setup.clip.path}
        return {pictures[times.number(number)] for number in (max(frame - 1, 0), frame)}

    def remove(self) -> None:
        """Remove the frames, and what is known of them."""
        self.let_go()
        for frame in self.setup.frames:
            frame_path(self.folder, frame).unlink(missing_ok=True)
        for path in (*logs(self.folder), self.folder / "job.json"):
            path.unlink(missing_ok=True)


def _write(path: Path, entries: Iterable[Entry]) -> None:
    """A log."""
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    write_bytes(path, lines.encode())


def _saved(folder: Path, settings: Entry, restart: bool) -> Analysis | None:
    """The analysis of the job in a folder, or None where a job is to begin.

    Raises UsageError where it is another job, which `restart` moves aside, or no job at all.
    """
    try:
        saved = json.loads((folder / "job.json").read_text())
        there, analysis = saved["settings"], Analysis.from_json(saved["analysis"])
        if there == settings:
            return analysis
        problem = f"holds frames made with other settings ({differences(there, settings)})"
    except FileNotFoundError:
        if any(folder.glob("*.png")):
            raise UsageError(
                f"{folder}: holds pictures that are not this program's; "
                "give an empty folder as --frames-dir"
            ) from None
        return None
    except OSError as error:
        raise MachineError(f"{folder}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        problem = "its job.json is damaged"
    if not any(folder.glob("*.png")):
        return None  # nothing was finished: there is nothing to lose
    if not restart:
        raise UsageError(
            f"{folder}: {problem}; use the same settings again, another --output or "
            "--frames-dir, or --restart to move the old frames aside and begin anew"
        )
    move_aside(folder)
    return None


def _whole(folder: Path, segments: Segments) -> tuple[dict[int, Entry], dict[int, Entry]]:
    """Of each seam, and of each piece, the frames from its start on that are whole, by number.

    Those of pieces' own are apart.
    """
    found: dict[tuple[int, bool], Entry] = {}
    for path in logs(folder):
        with contextlib.suppress(FileNotFoundError):
            for line in path.read_bytes().splitlines():
                with contextlib.suppress(ValueError, TypeError, KeyError):  # a line cut off
                    entry = json.loads(line)
                    if entry["sha256"]:
                        found[entry["frame"], bool(entry.get("own"))] = entry
    log: dict[int, Entry] = {}
    own: dict[int, Entry] = {}

    def take(frames: Iterable[int], theirs: Container[int]) -> None:
        for frame in frames:
            entry = found.get((frame, frame in theirs))
            path = frame_path(folder, frame, frame in theirs)
            if entry is None or file_digest(path) != entry["sha256"]:
                return
            (own if frame in theirs else log)[frame] = entry

    for seam in segments.seams:
        take(seam.frames, ())
    for piece in segments.pieces:
        joined = (s for s in segments.seams if s.start == piece.start and s.frames[-1] in log)
        begin = next((seam.end for seam in joined), piece.start)  # the rest of it is not needed
        take(range(begin, piece.end), segments.own)
    return log, own
