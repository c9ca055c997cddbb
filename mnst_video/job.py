"""A render as a job: plan the shots, render or reuse each frame, encode. The only stateful part.

A job folder holds `job.json` (the settings that decide the frames), a PNG per frame, and
`frames.jsonl`, a line per finished frame with its digest. A frame counts as finished when its line
is there and its file has that digest; whatever is not, is rendered again, to the same bytes.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL
import torch

from mnst_video.calibrate import Calibration
from mnst_video.config import ENCODING, MAX_SIDE, Options
from mnst_video.device import describe
from mnst_video.errors import InputError, MachineError, UsageError
from mnst_video.images import (
    Frame,
    file_digest,
    load_frame,
    load_image,
    save_image,
    write_bytes,
)
from mnst_video.schedule import GammaSchedule
from mnst_video.shots import CutDetector, Shot, passage, split
from mnst_video.stylize import Result, Stylist, load_network, stylize_shot, working_size
from mnst_video.vgg import VGG19
from mnst_video.video import Passage, VideoInfo, check_output, open_encoder, probe, read_frames

# Frames of a clip, or of a shot, that its calibration is measured on.
CALIBRATION_FRAMES = 8

# Options that do not decide a frame, or that stand in the fingerprint as what they resolved to.
NOT_IN_FINGERPRINT = ENCODING | {
    "style1", "style2", "start", "end", "max_side", "device", "precision", "threads", "weights"
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What a render is about to do.

    first: the number, in the whole clip, of the first frame; `gammas` has one for each.
    size, output_size: (width, height).
    pending: the numbers of the frames that are still to be rendered.
    """

    source: VideoInfo
    output: Path
    folder: Path
    style1: Path
    style2: Path
    first: int
    gammas: tuple[float, ...]
    shots: tuple[Shot, ...]
    size: tuple[int, int]
    output_size: tuple[int, int]
    sigma2: tuple[float, ...]
    device: str
    pending: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class StepDone:
    """One optimisation step of frame `frame` (of the whole clip) is done."""

    frame: int
    step: int
    steps: int


@dataclass(frozen=True)
class FrameDone:
    """Frame `frame` (of the whole clip), the `done`-th of this render, is on disk."""

    frame: int
    done: int
    shot: int
    gamma: float
    result: Result
    seconds: float


@dataclass(frozen=True)
class Encoding:
    """All frames are there; encoding begins."""

    frames: int


@dataclass(frozen=True)
class Report:
    """A finished render: `seconds` it took, `duration` seconds of clip, frames `reused`."""

    output: Path
    frames: int
    reused: int
    duration: float
    seconds: float
    kept: Path | None


Event = Plan | StepDone | FrameDone | Encoding
Observer = Callable[[Event], None]


def render(
    source: Path | str,
    output: Path | str | None = None,
    options: Options | None = None,
    *,
    overwrite: bool = False,
    restart: bool = False,
    keep_frames: bool = False,
    frames_dir: Path | str | None = None,
    observe: Observer | None = None,
) -> Report:
    """Stylize a clip, with its sound, into `output` (default: `NAME_mnst.mp4` beside the source).

    overwrite: replace an existing output.
    restart: move the frames of a job with other settings aside instead of refusing.
    keep_frames, frames_dir: keep the frames, in the job folder or in a folder of your own.
    observe: called with each `Event`.

    An interrupted render goes on where it stopped when it is called again with the same settings.
    Raises UsageError, InputError, MachineError or DivergedError, each with an exit code.
    """
    begun = time.monotonic()
    source = Path(source)
    output = Path(output) if output else source.with_name(f"{source.stem}_mnst.mp4")
    for path in (source, output, Path(frames_dir or "")):
        _check_name(path)
    info = probe(source)
    _check_output(output, source, overwrite)
    options = options or Options()
    observe = observe or _nobody
    with _memory_errors():
        job = _Job(info, output, options, Path(frames_dir) if frames_dir else None)
        job.open(restart)
        observe(job.plan())
        job.render_frames(observe)
    observe(Encoding(len(job.frames)))
    job.encode()
    keep = keep_frames or frames_dir is not None
    job.close(keep)
    return Report(
        output=output,
        frames=len(job.frames),
        reused=job.reused,
        duration=float(len(job.frames) / info.fps),
        seconds=time.monotonic() - begun,
        kept=job.folder if keep else None,
    )


def _nobody(_: Event) -> None:
    """The observer of a render that nobody watches."""


@contextlib.contextmanager
def _memory_errors() -> Iterator[None]:
    """Raise MachineError where memory runs out, on the device or in Python."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # On a GPU torch has a class for it; on a CPU it raises a plain RuntimeError.
        known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        if not known and "allocate memory" not in str(error):
            raise
        raise MachineError("out of memory: give a smaller --max-side") from None


@dataclass(frozen=True)
class Analysis:
    """What a render has to know of the whole clip before it begins.

    calibrations: one for the clip, or one a shot with sigma = "shot".
    """

    shots: tuple[Shot, ...]
    calibrations: tuple[Calibration, ...]
    notes: tuple[str, ...] = ()

    def calibration(self, shot: Shot) -> Calibration:
        """The calibration that holds for a shot."""
        return self.calibrations[shot.index if len(self.calibrations) > 1 else 0]

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "Analysis":
        """The inverse of `dataclasses.asdict`. Raises KeyError or TypeError where it is not."""
        return cls(
            shots=tuple(Shot(**shot) for shot in saved["shots"]),
            calibrations=tuple(Calibration(**c) for c in saved["calibrations"]),
            notes=tuple(saved["notes"]),
        )


def _analyse(info: VideoInfo, stylist: Stylist, size: tuple[int, int], frames: range) -> Analysis:
    """Find the shots of a whole clip, and measure the styles on frames sampled from it.

    `frames` are those to be rendered: a clip that is damaged after them will do.
    Raises InputError where one of them cannot be decoded.
    """
    options, notes = stylist.options, []
    cuts = []
    if isinstance(options.cuts, tuple):
        cuts = [_cut_frame(info, seconds) for seconds in options.cuts]
    detector, readable = CutDetector(), 0
    try:
        for frame in read_frames(info, *size):
            if options.cuts == "auto":
                detector.add(frame)
            readable += 1
    except InputError as error:
        if readable < frames.stop:
            raise
        notes.append(str(error))
    shots = split(info.frames, cuts or detector.cuts())
    groups = shots if options.sigma == "shot" else (Shot(0, 0, info.frames),)
    calibrations: list[Calibration] = []
    content = read_frames(info, *size, 0, readable)
    with contextlib.closing(content):
        for group in groups:
            wanted = _spread(group.start, min(group.end, readable), CALIBRATION_FRAMES)
            numbered = zip(range(group.start, group.end), content, strict=False)
            sample = [frame for number, frame in numbered if number in wanted]
            calibrations.append(stylist.calibrate(sample) if sample else calibrations[-1])
    return Analysis(shots, tuple(calibrations), tuple(notes))


def _cut_frame(info: VideoInfo, seconds: float) -> int:
    frame = info.frame_at(seconds)
    if not 0 < frame < info.frames:
        duration = float(info.duration)
        raise UsageError(
            f"--cuts: {seconds:g} s is not inside the clip, which lasts {duration:.3f} s"
        )
    return frame


def _spread(start: int, end: int, count: int) -> set[int]:
    """At most `count` numbers spread evenly over `start` to `end`, half open."""
    count = min(count, end - start)
    return {start + (2 * i + 1) * (end - start) // (2 * count) for i in range(count)}


class _Job:
    """The state of one render; see the module's text for what its folder holds."""

    def __init__(
        self, info: VideoInfo, output: Path, options: Options, frames_dir: Path | None
    ) -> None:
        self.info = info
        self.output = output
        self.options = options
        self.folder = frames_dir.resolve() if frames_dir else Path(f"{output}.mnst")
        if self.folder.resolve() in {output.resolve(), _record(output).resolve()}:
            raise UsageError(f"{self.folder}: is where the output goes; give another --frames-dir")
        self.frames = _passage_frames(info, options)
        schedule = GammaSchedule.ramp(options.gamma_from, options.gamma_to, info.times[-1])
        self.gammas = tuple(schedule.at(info.times[frame]) for frame in self.frames)
        style1, style2 = load_image(options.style1), load_image(options.style2)
        self.network = load_network(options)
        max_side = options.max_side or MAX_SIDE[self.network.device.type]
        self.size = working_size(info.width, info.height, max_side)
        self.stylist = Stylist(self.network, options, style1, style2, *self.size)
        self.settings = _settings(info, options, self.frames, self.size, self.network)
        self.analysis = Analysis((), ())
        self.shots: tuple[Shot, ...] = ()
        self.log: dict[int, dict[str, Any]] = {}
        self.reused = 0

    def open(self, restart: bool) -> None:
        """Take up the job that the folder holds, or begin one. Raises UsageError, MachineError."""
        self.analysis = self._saved(restart) or self._begin()
        self.shots = passage(self.analysis.shots, self.frames.start, self.frames.stop)
        self._verify()

    def _saved(self, restart: bool) -> Analysis | None:
        """The analysis of the job in the folder, or None where a job is to begin.

        Raises UsageError where it is another job, which `restart` moves aside, or no job at all.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError(f"{self.folder}: is in the way: frames need a folder of this name")
        try:
            saved = json.loads((self.folder / "job.json").read_text())
            settings, analysis = saved["settings"], Analysis.from_json(saved["analysis"])
            if settings == self.settings:
                return analysis
            differences = _differences(settings, self.settings)
            problem = f"holds frames made with other settings ({differences})"
        except FileNotFoundError:
            if any(self.folder.glob("*.png")):
                raise UsageError(
                    f"{self.folder}: holds pictures that are not this program's; "
                    "give an empty folder as --frames-dir"
                ) from None
            return None
        except OSError as error:
            raise MachineError(f"{self.folder}: cannot be read ({error.strerror})") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            problem = "its job.json is damaged"
        if not any(self.folder.glob("*.png")):
            return None  # nothing was finished: there is nothing to lose
        if not restart:
            raise UsageError(
                f"{self.folder}: {problem}; use the same settings again, another --output or "
                "--frames-dir, or --restart to move the old frames aside and begin anew"
            )
        _move_aside(self.folder)
        return None

    def _begin(self) -> Analysis:
        """Analyse the clip and make the job folder."""
        analysis = _analyse(self.info, self.stylist, self.size, self.frames)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError(f"{self.folder}: cannot be made ({error.strerror})") from None
        job = {"settings": self.settings, "analysis": asdict(analysis)}
        write_bytes(self.folder / "job.json", json.dumps(job, indent=1).encode())
        return analysis

    def _verify(self) -> None:
        """Keep, of each shot, the frames from its start on that are whole; drop the rest."""
        found: dict[int, dict[str, Any]] = {}
        with contextlib.suppress(FileNotFoundError):
            for line in (self.folder / "frames.jsonl").read_bytes().splitlines():
                with contextlib.suppress(ValueError, TypeError, KeyError):  # a line cut off
                    entry = json.loads(line)
                    if entry["sha256"]:
                        found[entry["frame"]] = entry
        for shot in self.shots:
            for frame in range(shot.start, shot.end):
                entry = found.get(frame)
                if entry is None or file_digest(self._path(frame)) != entry["sha256"]:
                    break
                self.log[frame] = entry
        self.reused = len(self.log)
        lines = "".join(json.dumps(entry) + "\n" for entry in self.log.values())
        write_bytes(self.folder / "frames.jsonl", lines.encode())

    def plan(self) -> Plan:
        return Plan(
            source=self.info,
            output=self.output,
            folder=self.folder,
            style1=self.options.style1,
            style2=self.options.style2,
            first=self.frames.start,
            gammas=self.gammas,
            shots=self.shots,
            size=self.size,
            output_size=self._output_size() or self.size,
            sigma2=self._sigma2(),
            device=describe(self.network.device, self.network.dtype),
            pending=tuple(frame for frame in self.frames if frame not in self.log),
            notes=self.info.notes + self.analysis.notes,
        )

    def render_frames(self, observe: Observer) -> None:
        """Render what is missing, shot after shot, each frame on disk before the next begins."""
        if len(self.log) == len(self.frames):
            return
        content = read_frames(self.info, *self.size, self.frames.start, self.frames.stop)
        with contextlib.closing(content):
            for shot in self.shots:
                self._render_shot(shot, content, observe)

    def _render_shot(self, shot: Shot, content: Iterator[Frame], observe: Observer) -> None:
        """`content` stands at the shot's first frame, and at its end afterwards."""
        first = next((f for f in range(shot.start, shot.end) if f not in self.log), shot.end)
        previous: tuple[Frame, Frame] | None = None
        for frame in range(shot.start, first):
            source = next(content)
            if frame == first - 1 and first < shot.end:
                previous = (source, load_frame(self._path(frame)))
        gammas = [self._gamma(frame) for frame in range(first, shot.end)]
        current = first

        def step_done(step: int, _: object) -> None:
            chain = current > shot.start and self.options.warm_start
            steps = self.options.steps if chain else self.options.first_steps
            observe(StepDone(current, step + 1, steps))

        content_of_shot = (next(content) for _ in gammas)
        calibration = self.analysis.calibration(shot)
        begun = time.monotonic()
        for result in stylize_shot(
            self.stylist, calibration, content_of_shot, gammas, previous, step_done
        ):
            self._finish_frame(current, result)
            seconds = time.monotonic() - begun
            gamma = self._gamma(current)
            observe(FrameDone(current, len(self.log), shot.index, gamma, result, seconds))
            current += 1
            begun = time.monotonic()

    def _finish_frame(self, frame: int, result: Result) -> None:
        path = self._path(frame)
        save_image(result.frame, path)
        self.log[frame] = {
            "frame": frame,
            "gamma": self._gamma(frame),
            "steps": result.steps,
            "content": result.content,
            "style": result.style,
            "temporal": result.temporal,
            "sha256": file_digest(path),
        }
        try:
            with (self.folder / "frames.jsonl").open("a") as file:
                file.write(json.dumps(self.log[frame]) + "\n")
        except OSError as error:
            raise MachineError(f"{self.folder}: cannot be written ({error.strerror})") from None

    def encode(self) -> None:
        """Encode all frames, with the sound, into the output."""
        times = self.info.times
        part = None
        if len(self.frames) < self.info.frames:
            last = self.frames.stop
            end = times[last] if last < self.info.frames else self.info.duration
            part = Passage(times[self.frames.start], end)
        with open_encoder(
            self.output,
            self.info,
            self.size,
            output_size=self._output_size(),
            passage=part,
            crf=self.options.crf,
        ) as write:
            for frame in self.frames:
                write(load_frame(self._path(frame)))

    def close(self, keep: bool) -> None:
        """Write `OUTPUT.mnst.json`; remove the frames unless they are to be kept."""
        entries = [self.log[frame] for frame in self.frames]
        about = {
            "program": f"mnst-video {version('mnst-video')}",
            "input": str(self.info.path.resolve()),
            "output": self.output.name,
            "fps": f"{self.info.fps.numerator}/{self.info.fps.denominator}",
            "cuts": [shot.start for shot in self.analysis.shots[1:]],
            "sigma2": self._sigma2(),
            "gamma": self.gammas,
            "options": self._portable_options(),
            "settings": self.settings,
            "frames": entries,
        }
        write_bytes(_record(self.output), json.dumps(about, indent=1).encode())
        if keep:
            return
        for path in (*map(self._path, self.frames), self.folder / "frames.jsonl"):
            path.unlink(missing_ok=True)
        (self.folder / "job.json").unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody put a file of their own there
            self.folder.rmdir()

    def _portable_options(self) -> dict[str, Any]:
        """The options with what they resolved to here, to do the same again elsewhere."""
        options = self.options.model_dump(mode="json")
        options["max_side"] = max(32, *self.size)  # 32 is the least that the option takes
        options["precision"] = "bf16" if self.network.dtype == torch.bfloat16 else "float32"
        for name in ("style1", "style2"):
            if getattr(self.options, name) == Options.model_fields[name].default:
                del options[name]  # the shipped pictures lie elsewhere on another machine
            else:
                options[name] = str(Path(options[name]).resolve())
        if Path(options["weights"]).is_file():
            options["weights"] = str(Path(options["weights"]).resolve())
        return options

    def _sigma2(self) -> tuple[float, ...]:
        return tuple(self.stylist.sigma2(c) for c in self.analysis.calibrations)

    def _gamma(self, frame: int) -> float:
        return self.gammas[frame - self.frames.start]

    def _path(self, frame: int) -> Path:
        return self.folder / f"{frame:06d}.png"

    def _output_size(self) -> tuple[int, int] | None:
        if self.options.output_size == "source":
            return (self.info.width, self.info.height)
        return self.options.output_size


def _check_name(path: Path) -> None:
    """Raise UsageError for a path that OpenCV cannot take: it would crash on it."""
    try:
        str(path.absolute()).encode("utf-8")
    except UnicodeEncodeError:
        shown = ascii(str(path))[1:-1]
        raise UsageError(f"{shown}: the name is not valid UTF-8; rename it first") from None


def _record(output: Path) -> Path:
    """Where the record of a finished render goes."""
    return output.with_name(f"{output.name}.mnst.json")


def _check_output(output: Path, source: Path, overwrite: bool) -> None:
    check_output(output)
    if output.exists():
        if output.samefile(source):
            raise UsageError(f"{output}: is the input; choose another --output")
        if output.is_dir():
            raise UsageError(f"{output}: is a folder; give a file name")
        if not overwrite:
            raise UsageError(f"{output}: exists; use --overwrite, or another --output")
    if _record(output).is_dir():
        raise UsageError(f"{_record(output)}: is a folder, where the render's record goes")
    folder = output.resolve().parent
    if not folder.is_dir():
        raise UsageError(f"{output}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{output}: the folder {folder} cannot be written to")


def _passage_frames(info: VideoInfo, options: Options) -> range:
    """The frames of the passage, half open."""
    start = info.frame_at(options.start or 0.0)
    end = info.frames if options.end is None else info.frame_at(options.end)
    if start >= end:
        upto = "the end" if options.end is None else f"{options.end:g} s"
        raise UsageError(
            f"{info.path}: no frame lies between {options.start or 0.0:g} s and {upto}; "
            f"the clip lasts {float(info.duration):.3f} s"
        )
    return range(start, end)


def _settings(
    info: VideoInfo, options: Options, frames: range, size: tuple[int, int], network: VGG19
) -> dict[str, Any]:
    """Everything that decides the bytes of the frames, by the names a person knows."""
    device = network.device.type
    return {
        **options.model_dump(mode="json", exclude=set(NOT_IN_FINGERPRINT)),
        "input": file_digest(info.path),
        "style1": file_digest(options.style1),
        "style2": file_digest(options.style2),
        "weights": network.sha256,
        "frames": f"{frames.start} to {frames.stop - 1}",
        "size": f"{size[0]}x{size[1]}",
        "device": device,
        "processor": _processor(network.device),
        "precision": str(network.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads() if device == "cpu" else None,
        "mnst-video": version("mnst-video"),
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def _processor(device: torch.device) -> str:
    """What of a processor decides rounding: a CPU's vector instructions, a GPU's model."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return torch.backends.cpu.get_cpu_capability() if device.type == "cpu" else device.type


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The settings that differ, in words; files are only said to be others."""
    files = {"input", "style1", "style2", "weights"}
    names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return ", ".join(
        f"{name}: another file" if name in files else f"{name}: {old.get(name)} → {new.get(name)}"
        for name in names
    )


def _move_aside(folder: Path) -> None:
    """Move a job's own files into a new folder beside it; what else lies there stays."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.old{number}")).exists():
        number += 1
    frames = (path for path in folder.glob("*.png") if path.stem.isdecimal())
    try:
        aside.mkdir()
        for path in (*frames, folder / "frames.jsonl", folder / "job.json"):
            if path.exists():
                path.rename(aside / path.name)
    except OSError as error:
        raise MachineError(f"{folder}: cannot be moved aside ({error.strerror})") from None
