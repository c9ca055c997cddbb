"""One clip that is open in the studio: its settings, timeline, sound, looks and renders."""

import contextlib
import json
import shlex
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np

from mnst_video.errors import InputError, MnstError, UsageError
from mnst_video.interchange.formats import FORMATS, Reading, read_score, written
from mnst_video.interchange.preset import LANES, LaneName, lane_of, settings_of
from mnst_video.interchange.score import Writing
from mnst_video.job.folder import frame_path, job_folder
from mnst_video.job.lock import alone, lock_of
from mnst_video.media.files import check_new_name
from mnst_video.media.frames import working_size
from mnst_video.media.images import encode_image
from mnst_video.media.input.near import read_near
from mnst_video.media.output.containers import CONTAINERS
from mnst_video.option_panels import FLAGS
from mnst_video.options import Options
from mnst_video.plan.source import clip_of, default_output
from mnst_video.presets import make_options, read_preset
from mnst_video.stills.moment import Moment
from mnst_video.timeline.clock import moment
from mnst_video.timeline.fader import Fader
from mnst_video.timeline.gamma import split_of
from mnst_video.timeline.keys import Timeline
from mnst_video.web.chores import Chore, find_cuts, make_copy, plays_itself
from mnst_video.web.folders import Folders, free_name, safe_name
from mnst_video.web.painter import Wanted
from mnst_video.web.project import AUTO, Project, as_json
from mnst_video.web.renders import Kind, Renders
from mnst_video.web.timing import Timing
from mnst_video.web.waveform import Waveform

# The longer side of looks and frames that may be asked for.
MOST_SIDE = 1280
# Pictures of a strip between two styles.
STRIP = 5
# The name of the copy for the browser.
COPY = "clip.mp4"
# Records of renders that are read in a folder.
MOST_RECORDS = 50


class Session:
    """A clip that is open. May be used from several threads.

    tell: called with the kind of event and what it is about.
    """

    def __init__(self, source: Path, folders: Folders, tell: Callable[[str, Any], None]) -> None:
        """Raises InputError or UsageError where the clip, or its draft, cannot be read, where
        another studio has it open, MachineError where its folder cannot be written to."""
        with contextlib.ExitStack() as stack:
            self._begin(source, folders, tell, stack)
            self._held = stack.pop_all()

    def _begin(
        self,
        source: Path,
        folders: Folders,
        tell: Callable[[str, Any], None],
        stack: contextlib.ExitStack,
    ) -> None:
        self.folders, self._tell = folders, tell
        self.project = Project(source, folders)
        # Two would write over each other's drafts, and begin the same renders.
        home = self.project.home
        stack.enter_context(alone(lock_of(home), home, "clip"))
        self._lock = threading.Lock()
        self._read_as = self.project.options.input
        self.clip = clip_of(source, self._read_as, depth="packets")
        self.timing = Timing(self.clip)
        self.waveform = self._waveform()
        self.plays_itself = plays_itself(self.clip)
        self.project.check = self._check
        self.renders = Renders(self.project, lambda: tell("renders", None))
        self._inputs: dict[Path, tuple[float, str | None]] = {}
        self._copy: Chore | None = None
        self._cuts: Chore | None = None

    def close(self) -> None:
        """Stop what belongs to the page; renders go on."""
        self.renders.close()
        for chore in (self._copy, self._cuts):
            if chore is not None:
                chore.close()
        self._held.close()

    @property
    def source(self) -> Path:
        return self.project.source

    # What the page shows

    @property
    def state(self) -> dict[str, Any]:
        """All that is known of the clip and its settings."""
        project, clip, times = self.project, self.clip, self.clip.times
        about: dict[str, Any] = {
            "revision": project.revision,
            "settings": project.settings,
            "undo": project.undoes,
            "redo": project.redoes,
            "styles": [str(path) for path in project.options.styles],
            "command": self.command,
            "draft": str(project.draft),
            "home": str(project.home),
            "clip": {
                "path": str(clip.path),
                "name": clip.path.name,
                "there": clip.files[0].exists(),
                "width": clip.width,
                "height": clip.height,
                "fps": float(times.fps),
                "frames": times.frames,
                "duration": float(times.duration),
                "sound": bool(clip.audio) or project.options.audio is not None,
                "plays": self.plays_itself,
                "notes": clip.notes,
            },
            "copy": self._copy.shown if self._copy else None,
            "copied": self.copied,
            "others": [path.name for path in self.others],
        }
        try:
            about |= self.timing.shown(project.options) | {"cuts": self._shown_cuts()}
        except MnstError as error:  # of a draft that is older than the clip
            about |= {"lanes": [], "tempo": None, "notes": [], "cuts": {"given": True, "at": []}}
            about["problem"] = str(error)
        return about

    def _shown_cuts(self) -> dict[str, Any]:
        options = self.project.options
        if isinstance(options.cuts, tuple):
            clock = self.timing.clock(options)
            return {"given": True, "at": [float(moment("cuts", t, clock)) for t in options.cuts]}
        if options.cuts == "none":
            return {"given": True, "at": []}
        found = self._cuts.shown if self._cuts else None
        return {"given": False, "at": (self._cuts and self._cuts.result) or [], "search": found}

    @property
    def command(self) -> str:
        """The command line that renders this."""
        settings = self.project.settings
        if not settings.keys() <= FLAGS | {"more_styles"}:
            return shlex.join(["mnst-video", str(self.source), "--preset", str(self.project.draft)])
        words = ["mnst-video", str(self.source)]
        styles = self.project.options.styles
        if "more_styles" in settings:
            settings = {n: v for n, v in settings.items() if not n.startswith("style")}
            for path in styles:
                words += ["--style", str(path)]
        for name, value in settings.items():
            if name != "more_styles":
                words += flag_words(name, value)
        return shlex.join(words)

    # Changes

    def _check(self, options: Options) -> None:
        """Raise UsageError where options do not fit the clip."""
        before = self.clip, self._read_as, self.timing, self.plays_itself
        try:
            if options.input != self._read_as:
                self._reread(options)
            self.timing.curves(options)
            if isinstance(options.cuts, tuple):
                clock = self.timing.clock(options)
                for time in options.cuts:
                    moment("cuts", time, clock)
        except MnstError as error:
            self.clip, self._read_as, self.timing, self.plays_itself = before
            if isinstance(error, InputError):
                raise UsageError(str(error)) from None
            raise

    def _reread(self, options: Options) -> None:
        """Read the clip as other options say. Raises UsageError where it cannot be."""
        try:
            clip = clip_of(self.source, options.input, depth="packets")
        except InputError as error:
            raise UsageError(str(error)) from None
        self.clip, self._read_as = clip, options.input
        self.timing = Timing(clip)
        self.plays_itself = plays_itself(clip)

    def change(self, given: Mapping[str, Any], done: str) -> None:
        """Set some settings. Raises UsageError."""
        audio = self.project.settings.get("audio")
        self.project.change(given, done)
        if self.project.settings.get("audio") != audio:
            self.waveform = self._waveform()
        self._told()

    def keys(
        self, lane: str, keys: Sequence[Mapping[str, Any]], repeat: str | None, done: str
    ) -> None:
        """Set the keys of a lane, as the page has them. Raises UsageError."""
        if lane not in LANES:
            raise UsageError(f"{lane}: there is no such lane")
        text = self.timing.text_of(self.project.options, keys, repeat)
        self.project.change({lane: text}, done)
        self._told()

    def undo(self) -> None:
        self.project.undo()
        self._after_going()

    def redo(self) -> None:
        self.project.redo()
        self._after_going()

    def _after_going(self) -> None:
        if self.project.options.input != self._read_as:
            self._reread(self.project.options)
        self._told()

    def open_preset(self, preset: str, keep: bool) -> tuple[str, ...]:
        """Take the settings of a preset; keep: those that are set already and it does not have.

        Returns notes. Raises UsageError.
        """
        if preset.endswith((".toml", ".json")):
            preset = str(self.folders.readable(preset))
        options = make_options((preset,), {})
        values = as_json(options, read_preset(preset))
        before = dict(self.project.settings) if keep else {}
        other = {"gamma": "position", "position": "gamma"}
        for name in values:
            before.pop(other.get(name, ""), None)
        merged, notes = before | values, []
        for name in LANES:
            timeline = getattr(options, name)
            if name in values and isinstance(timeline, Timeline):
                fit, dropped = self._fitting(timeline, make_options((), merged))
                merged[name] = str(fit)
                notes += [
                    f"{name}: {key} lies past the end: this key is dropped" for key in dropped
                ]
        self.project.become(merged, f"preset {Path(preset).stem}")
        self._told()
        return tuple(notes)

    def _fitting(self, timeline: Timeline, options: Options) -> tuple[Timeline, list[str]]:
        """The keys that lie on the clip, and the times of the others; of a loop all do.

        Where the clip has no such times at all the change itself says why.
        """
        clock = self.timing.clock(options)
        try:
            inside = [key for key in timeline.keys if clock.seconds(key.time) <= clock.length]
        except ValueError:
            return timeline, []
        dropped = [str(key.time) for key in timeline.keys if key not in inside]
        if not inside or timeline.repeat is not None:
            return timeline, []
        return replace(timeline, keys=tuple(inside)), dropped

    def save_preset(self, name: str, overwrite: bool) -> Path:
        """Write the settings as a preset beside the clip. Raises UsageError or MachineError."""
        name = safe_name(name)
        path = self.source.parent / (name if name.endswith(".toml") else f"{name}.toml")
        self.project.save_as(self.folders.inside(path), overwrite)
        return path

    def import_timeline(self, path: str, lane: str) -> tuple[str, ...]:
        """Take keys of another program's file. Returns notes. Raises UsageError, InputError."""
        if lane not in LANES:
            raise UsageError(f"{lane}: there is no such lane")
        clock = self.timing.clock(self.project.options)
        score = read_score(self.folders.inside(path), Reading(clock))
        settings = settings_of(score, cast("LaneName", lane))
        if lane in settings:
            fitting, dropped = self._fitting(Timeline.parse(settings[lane]), self.project.options)
            settings[lane] = str(fitting)
            notes = tuple(f"{key} s lies past the end: this key is dropped" for key in dropped)
        else:
            notes = ()
        self.project.change(settings, f"import of {Path(path).name}")
        self._told()
        return score.notes + notes

    def export_timeline(self, form: str, lane: str) -> tuple[str, bytes]:
        """A file's name and bytes. Raises UsageError, MachineError."""
        if form not in FORMATS or lane not in LANES:
            raise UsageError(f"{form}: there is no such format")
        options = self.project.options
        at = [Fraction(second) for second in self._shown_cuts()["at"]]
        made = lane_of(self.timing.course(options), cast("LaneName", lane), at)
        name = Path(f"{self.source.stem}_{lane}{FORMATS[form].ending}")
        writing = Writing((self.clip.width, self.clip.height))
        return name.name, written(made, name, form, writing)

    def _told(self) -> None:
        self._tell("project", self.project.revision)

    # Pictures and sound

    def _waveform(self) -> Waveform | None:
        audio = self.project.options.audio
        if audio is not None:
            return Waveform(audio, Fraction(0))
        return Waveform(self.clip.path, self.clip.start) if self.clip.audio else None

    def frame_at(self, seconds: float) -> int:
        """The number of the frame that is shown at a time."""
        return max(0, min(self.clip.times.frame_at(max(seconds, 0.0)), self.clip.times.frames - 1))

    def content(self, seconds: float, side: int) -> bytes:
        """The frame at a time, a JPEG. Raises InputError."""
        size = working_size(self.clip.width, self.clip.height, max(32, min(side, MOST_SIDE)))
        ((_, frame),) = read_near(self.clip, [self.frame_at(seconds)], *size)
        return encode_image(frame, ".jpg")

    def wanted(
        self, number: int, seconds: float, side: int, strip: bool
    ) -> tuple[Wanted, float, list[float]]:
        """What is to be painted at a time, the value there, and those of the strip.

        Raises UsageError, InputError.
        """
        options, settings = self.project.options, self.project.settings
        frame = self.frame_at(seconds)
        stand, count = self.timing.at(options, frame), len(options.styles)
        fader = Fader.at_value(stand.value, count if stand.positions else None)
        split = split_of(stand.value, stand.positions, count, options.masks.mode)
        values = []
        if strip:
            first = fader.pair + 1.0 if stand.positions else 0.0
            values = [first + i / (STRIP - 1) for i in range(STRIP)]
        faders = [Fader.at_value(v, count if stand.positions else None) for v in values]
        wanted = Wanted(
            number,
            self.clip,
            {name: value for name, value in settings.items() if (name, value) != AUTO},
            Moment(frame, fader, stand.strength, split, fader.gamma),
            max(64, min(side, MOST_SIDE)),
            faders,
        )
        return wanted, stand.value, values

    def values(self) -> bytes:
        """Seconds and values of all frames, float32, one after the other."""
        begins = np.array([float(time) for time in self.clip.times.begins], np.float32)
        values = np.array(self.timing.course(self.project.options).values, np.float32)
        return np.stack([begins, values], axis=1).tobytes()

    # Work on the whole clip

    @property
    def copy_path(self) -> Path:
        return self.project.home / COPY

    @property
    def copied(self) -> bool:
        """Whether the copy is there, and of the clip as it is now."""
        with contextlib.suppress(OSError):
            copied = self.copy_path.stat().st_mtime
            return all(file.stat().st_mtime <= copied for file in self.clip.files)
        return False

    def begin_copy(self) -> None:
        """Make the copy that browsers play, unless it is there."""
        with self._lock:
            busy = self._copy is not None and self._copy.busy
            if not busy and not self.copied:
                self.project.make_home()
                self._copy = self._chore(make_copy, self.copy_path)

    def begin_cuts(self) -> None:
        """Look for cuts, unless they are known."""
        with self._lock:
            if self._cuts is None or self._cuts.problem is not None:
                self._cuts = self._chore(find_cuts, self.source)

    def _chore(self, work: Any, path: Path) -> Chore:
        return Chore(
            work, self.source, self.project.options, path, lambda: self._tell("chore", None)
        )

    # Renders

    def render(self, kind: Kind, name: str | None) -> int:
        """Queue a render or a preview; returns its number. Raises UsageError, MachineError."""
        if kind not in ("render", "preview"):
            raise UsageError(f"{kind}: there is no such kind of render")
        ending = "_preview.mp4" if kind == "preview" else "_mnst.mp4"
        output = default_output(self.source, ending)
        if name:
            output = output.with_name(safe_name(name))
        if output.suffix.lower() not in CONTAINERS:
            raise UsageError(
                f"{output.name}: unknown kind of clip; use one of {', '.join(CONTAINERS)}"
            )
        taken = {run["output"] for run in self.renders.shown}
        output = free_name(output, taken)
        check_new_name(self.folders.inside(output))
        home, number = self.project.make_home(), self.renders.next_number
        preset = home / f"render-{number:03d}.toml"
        self.project.snapshot(preset)
        words = ["render", str(self.source), "--preset", str(preset), "--output", str(output)]
        words += ["--preview"] if kind == "preview" else []
        return self.renders.add(kind, output, (*words, "--progress", "json")).number

    def evaluate(self, number: int) -> int:
        """Queue the scores of a finished render; returns the number. Raises UsageError."""
        run = self.renders.run(number)
        if run.kind != "render" or run.state != "done":
            raise UsageError("what is finished can be measured")
        words = ("evaluate", str(self.source), run.output, "--json", "--progress", "json")
        return self.renders.add("evaluate", Path(run.output), words, of=number).number

    @property
    def others(self) -> list[Path]:
        """Clips beside this one that were made of it, but not here: their records say so."""
        ours = {run["output"] for run in self.renders.shown}
        found = []
        for record in sorted(self.source.parent.glob("*.mnst.json"))[:MOST_RECORDS]:
            output = record.with_name(record.name.removesuffix(".mnst.json"))
            if str(output) in ours or not output.is_file():
                continue
            if self._input_of(record) == str(self.source):
                found.append(output)
        return found

    def _input_of(self, record: Path) -> str | None:
        """What a render was made of, by its record, which is read once: it can be large."""
        try:
            changed = record.stat().st_mtime
            if self._inputs.get(record, (0.0, None))[0] != changed:
                self._inputs[record] = changed, json.loads(record.read_text()).get("input")
            return self._inputs[record][1]
        except (OSError, ValueError, AttributeError):
            return None

    def other(self, index: int) -> Path:
        """Raises UsageError where there is none of this number."""
        others = self.others
        if not 0 <= index < len(others):
            raise UsageError(f"there is no other render {index}")
        return others[index]

    def output_of(self, number: int) -> Path:
        """The clip that a render wrote. Raises UsageError, InputError."""
        path = self.folders.inside(self.renders.run(number).output)
        if not path.is_file():
            raise InputError(f"{path}: is not there yet, or no longer")
        return path

    def painted_frame(self, number: int, frame: int) -> bytes | None:
        """A frame that a render has painted so far, a PNG; None where it is there no longer.

        Raises UsageError.
        """
        folder = job_folder(Path(self.renders.run(number).output), None)
        try:
            return frame_path(self.folders.inside(folder), frame).read_bytes()
        except OSError:  # the clip is complete
            return None


def flag_words(name: str, value: Any) -> list[str]:
    """A setting as words of a command line."""
    flag = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return [flag] if value else []
    if name == "react":
        return [word for reaction in value for word in (flag, str(reaction))]
    if name == "output_size" and isinstance(value, list):
        return [flag, "x".join(map(str, value))]
    if isinstance(value, list):
        return [flag, ",".join(map(str, value))]
    return [flag, str(value)]
