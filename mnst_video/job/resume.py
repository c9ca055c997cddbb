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
from collections.abc import Callable, Iterable
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
from mnst_video.plan.setup import Setup
from mnst_video.plan.shots import Shot, shots_within

# A line of the log: what is known of a finished frame.
Entry = dict[str, Any]


# Of a clip's shots, those that a run is about, which from then on are its own.
Claim = Callable[[tuple[Shot, ...]], tuple[Shot, ...]]


class Job:
    """What is there of a render. settings: its fingerprint. shots: those that this run is about.
    log: their finished frames."""

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
        self.watched = Watched((*files, *self._others))
        digests = [self.watched.digests[path] for path in files]
        self.settings = fingerprint(setup, site.settings(setup), digests)
        self.analysis = _saved(folder, self.settings, restart) or self._begin(observe, site)
        every = shots_within(self.analysis.shots, setup.frames.start, setup.frames.stop)
        self.shots, self._some = claim(every), some
        self.log = _whole(folder, self.shots)
        self.reused = len(self.log)
        if some:
            for shot in self.shots:
                _write(shot_log(folder, shot.index), (self.log.get(f) for f in shot.frames))
        else:
            _write(folder / "frames.jsonl", self.log.values())
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

    def keep(self, painted: Painted) -> None:
        """Write a frame. Raises InputError where its clip is not what it was, or MachineError."""
        # What came of another file is never taken for finished.
        self.watched.check((*self._files_of(painted.frame), *self._others))
        write_bytes(frame_path(self.folder, painted.frame), painted.picture)
        entry = {
            "frame": painted.frame,
            **fader_json(self.setup.course.fader(painted.frame)),
            **painted.figures.to_json(),
            "sha256": hashlib.sha256(painted.picture).hexdigest(),
        }
        path = self.folder / "frames.jsonl"
        if self._some:
            path = shot_log(self.folder, painted.shot)
        try:
            with path.open("a") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise unwritten(path, error) from None
        self.log[painted.frame] = entry

    def kept(self, frame: int, shot: Shot) -> Painted:
        """A frame of a shot that is there. Raises MachineError where it cannot be read."""
        path = frame_path(self.folder, frame)
        try:
            picture = path.read_bytes()
        except OSError as error:
            raise MachineError(f"{path}: cannot be read ({error.strerror})") from None
        return Painted(frame, shot.index, picture, Figures.from_json(self.log[frame]), 0.0)

    def _files_of(self, frame: int) -> set[Path]:
        """What a frame was painted from: it, and the one before it."""
        pictures, times = self.setup.clip.decoding.pictures, self.setup.clip.times
        if not pictures:
            return {self.setup.clip.path}
        return {pictures[times.number(number)] for number in (max(frame - 1, 0), frame)}

    def remove(self) -> None:
        """Remove the frames, and what is known of them."""
        for frame in self.setup.frames:
            frame_path(self.folder, frame).unlink(missing_ok=True)
        for path in (*logs(self.folder), self.folder / "job.json"):
            path.unlink(missing_ok=True)


def _write(path: Path, entries: Iterable[Entry | None]) -> None:
    """A log, of the entries that there are."""
    lines = "".join(json.dumps(entry) + "\n" for entry in entries if entry is not None)
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


def _whole(folder: Path, shots: Iterable[Shot]) -> dict[int, Entry]:
    """Of each shot, the frames from its start on that are whole, by their number."""
    found: dict[int, Entry] = {}
    for path in logs(folder):
        with contextlib.suppress(FileNotFoundError):
            for line in path.read_bytes().splitlines():
                with contextlib.suppress(ValueError, TypeError, KeyError):  # a line cut off
                    entry = json.loads(line)
                    if entry["sha256"]:
                        found[entry["frame"]] = entry
    log: dict[int, Entry] = {}
    for shot in shots:
        for frame in shot.frames:
            entry = found.get(frame)
            if entry is None or file_digest(frame_path(folder, frame)) != entry["sha256"]:
                break
            log[frame] = entry
    return log
