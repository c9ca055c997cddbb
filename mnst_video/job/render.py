"""A render as a job: plan the shots, render or reuse each frame, encode. The only stateful part.

A job folder holds `job.json` (the settings that decide the frames), a PNG per frame, and
`frames.jsonl`, a line per finished frame with its digest. A frame counts as finished when its line
is there and its file has that digest; whatever is not, is rendered again, to the same bytes.
"""

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL
import torch

from mnst_video.errors import DivergedError, MachineError, UsageError, unwritten
from mnst_video.job.lock import alone, lock_of
from mnst_video.job.processes import divide, on_device, run, share
from mnst_video.job.unchanged import Watched
from mnst_video.media.images import (
    Frame,
    check_name,
    faded,
    file_digest,
    load_frame,
    resize,
    save_image,
    write_bytes,
)
from mnst_video.media.input.decode import read_frames, read_opacity
from mnst_video.media.input.probe import VideoInfo
from mnst_video.media.output.encode import check_encoder, check_output, holds_opacity, open_encoder
from mnst_video.media.output.pictures import named_after
from mnst_video.method.device import leaves_cores_idle, pick_device
from mnst_video.options import ENCODING, MAX_SIDE, TIMING, Options
from mnst_video.painting.frame import Previous, Result, stylize_shot
from mnst_video.painting.prefetch import ahead
from mnst_video.plan.setup import (
    Analysis,
    Plan,
    Setup,
    analyse,
    clip_of,
    default_output,
    memory_errors,
    prepare,
)
from mnst_video.plan.shots import Shot, passage
from mnst_video.timeline.keys import Fader

# Options that do not decide a frame, or that stand in the fingerprint as what they resolved to.
NOT_IN_FINGERPRINT = (
    {"style1", "style2", "more_styles", "start", "end", "max_side", "coarse_to_fine"}
    | {"seconds", "max_pixels", "allow_partial"}
    | {"device", "precision", "threads", "tile", "weights"}
    | ENCODING
    | TIMING
)

# Of a frame's `Result`, what its line in the log holds.
FIGURES = ("steps", "content", "style", "temporal")


@dataclass(frozen=True)
class StepDone:
    """Step `step`, from 1, of frame `frame` (of the whole clip) is done.

    How many a frame takes depends on what moves in it.
    """

    frame: int
    step: int


@dataclass(frozen=True)
class FrameDone:
    """Frame `frame` (of the whole clip), the `done`-th of this render, is on disk."""

    frame: int
    done: int
    shot: int
    fader: Fader
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
    jobs: int = 1,
    observe: Observer | None = None,
) -> Report:
    """Stylize a clip, with its sound, into `output` (default: `NAME_mnst.mp4` beside the source).

    overwrite: replace an existing output.
    restart: move the frames of a job with other settings aside instead of refusing.
    jobs: shots rendered at once, each with its part of the threads: the same bytes as one job with
        so many threads.
    keep_frames, frames_dir: keep the frames, in the job folder or in a folder of your own.
    observe: called with each `Event`.

    An interrupted render goes on where it stopped when it is called again with the same settings.
    Raises UsageError, InputError, MachineError or DivergedError, each with an exit code.
    """
    begun = time.monotonic()
    source, asked = Path(source), options or Options()
    options = share(asked, jobs)
    check_name(source)
    output = Path(output) if output else default_output(source, "_mnst.mp4")
    if frames_dir:
        check_name(Path(frames_dir).absolute())
    info = clip_of(source, options)
    sound = [options.audio] if options.audio else []
    sources = (*(info.pictures or (source,)), *options.styles, *sound)
    check_output(output, sources, overwrite, options.encoder, info)
    if record_path(output).is_dir():
        raise UsageError(f"{record_path(output)}: is a folder, where the render's record goes")
    folder = _job_folder(output, Path(frames_dir) if frames_dir else None)
    observe = observe or _nobody
    keep = keep_frames or frames_dir is not None
    with (
        alone(lock_of(output), output, "--output"),
        _held(folder, frames_dir is not None),
    ):
        with memory_errors(options):
            setup = prepare(info, options)
            check_encoder(output, setup.output_size, options.encoder)
            job = _Job(setup, output, folder, jobs, asked)
            job.open(restart)
            observe(job.plan())
            job.render_frames(observe)
        observe(Encoding(len(job.frames)))
        with memory_errors(options):
            job.encode()
        job.close(keep)
    span = info.span(job.frames)
    return Report(
        output=output,
        frames=len(job.frames),
        reused=job.reused,
        duration=float(span.end - span.start),
        seconds=time.monotonic() - begun,
        kept=job.folder if keep else None,
    )


def _nobody(_: Event) -> None:
    """The observer of a render that nobody watches."""


class _Job:
    """The state of one render; see the module's text for what its folder holds."""

    def __init__(self, setup: Setup, output: Path, folder: Path, jobs: int, asked: Options) -> None:
        """asked: the options before they were shared among the jobs."""
        self.setup = setup
        self.asked = asked
        self.info = setup.info
        self.options = setup.options
        self.frames = setup.frames
        self.output = output
        self.folder = folder
        self.jobs = jobs
        files = self.info.pictures or (self.info.path,)
        # Several jobs read the styles anew, each at its beginning.
        self.watched = Watched((*files, *(setup.options.styles if jobs > 1 else ())))
        digests = [self.watched.digests[path] for path in files]
        self.settings = _settings(setup, jobs, digests)
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
        """Analyse the clip and save what a job begins with."""
        with self.watched.unchanged():
            analysis = analyse(self.setup)
        job = {"settings": self.settings, "analysis": analysis.to_json()}
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
        pending = tuple(frame for frame in self.frames if frame not in self.log)
        return Plan(self.setup, self.analysis, pending, self.output, self.jobs)

    def render_frames(self, observe: Observer) -> None:
        """Render what is missing, each frame of a shot on disk before the next begins."""
        shots = [shot for shot in self.shots if {*shot.frames}.difference(self.log)]
        if not shots:
            return
        sizes = [len({*shot.frames}.difference(self.log)) for shot in shots]
        parts = [
            _Part(
                self.info,
                on_device(self.options, job),
                self.analysis,
                self.folder,
                self.log,
                [shots[number] for number in numbers],
            )
            for job, numbers in enumerate(divide(sizes, self.jobs))
        ]

        alone = threading.Lock()  # steps may be told from another thread than frames

        def take(message: StepDone | _Painted) -> None:
            with alone:
                self._take(message, observe)

        with self.watched.unchanged():
            if len(parts) == 1:  # everything it needs is here already
                _paint(self.setup, parts[0], take)
            else:
                run(_paint_part, parts, take)

    def _take(self, message: "StepDone | _Painted", observe: Observer) -> None:
        """Pass a step on; of a frame, first keep that it is there."""
        if isinstance(message, StepDone):
            observe(message)
            return
        self.watched.check()  # what came of another file is never taken for finished
        frame, result = message.frame, message.result
        fader = self.setup.score.fader(frame)
        self.log[frame] = {
            "frame": frame,
            **_as_json(fader),
            **{name: getattr(result, name) for name in FIGURES},
            "sha256": message.sha256,
        }
        try:
            with (self.folder / "frames.jsonl").open("a") as file:
                file.write(json.dumps(self.log[frame]) + "\n")
        except OSError as error:
            raise unwritten(self.folder / "frames.jsonl", error) from None
        observe(FrameDone(frame, len(self.log), message.shot, fader, result, message.seconds))

    def encode(self) -> None:
        """Encode all frames, with the sound, into the output."""
        try:
            with (
                open_encoder(
                    self.output,
                    self.info,
                    self.setup.output_size,
                    sound=self.setup.soundtrack,
                    passage=self.info.passage(self.frames),
                    asked=self.options.encoder,
                    opacity=self._keeps_opacity,
                ) as write,
                self.watched.unchanged(),
                contextlib.closing(self._pictures()) as pictures,
            ):
                for frame, picture in zip(self.frames, pictures, strict=True):
                    for _ in range(self.info.shown(frame)):
                        write(picture)
        except MachineError as error:
            raise MachineError(
                f"{error}; all frames are kept: once that is mended, the same command goes on"
            ) from None

    @property
    def _keeps_opacity(self) -> bool:
        """Whether the output is as transparent as the footage."""
        kept = self.info.alpha and self.options.matte is None
        return kept and holds_opacity(self.output, self.options.encoder)

    def _pictures(self) -> Generator[Frame, None, None]:
        """What is encoded: the finished frames, with the footage's opacity where it is kept."""
        painted = self._painted()
        if not self._keeps_opacity:
            yield from painted
            return
        size, frames = self.setup.output_size, self.frames
        opacity = read_opacity(self.info, *size, frames.start, frames.stop)
        with contextlib.closing(painted), contextlib.closing(opacity):
            for picture, alpha in zip(painted, opacity, strict=True):
                yield np.dstack([picture, alpha])

    def _painted(self) -> Generator[Frame, None, None]:
        """The finished frames at the output's size, faded from and to the footage."""
        size = self.setup.output_size
        strengths = self.setup.score.strengths[self.frames.start : self.frames.stop]
        if min(strengths) == 1.0:
            for frame in self.frames:
                yield resize(load_frame(self._path(frame)), *size)
            return
        footage = read_frames(self.info, *size, self.frames.start, self.frames.stop)
        with contextlib.closing(footage):
            for frame, strength, source in zip(self.frames, strengths, footage, strict=True):
                yield faded(source, resize(load_frame(self._path(frame)), *size), strength)

    def close(self, keep: bool) -> None:
        """Write `OUTPUT.mnst.json`; remove the frames unless they are to be kept."""
        entries = [self.log[frame] for frame in self.frames]
        about = {
            "program": f"mnst-video {version('mnst-video')}",
            "input": str(self.info.path.resolve()),
            "output": self.output.name,
            "fps": f"{self.info.fps.numerator}/{self.info.fps.denominator}",
            "cuts": [shot.start for shot in self.analysis.shots[1:]],
            "sigma2": self.plan().sigma2,
            "styles": [path.name for path in self.options.styles],
            "gamma": [self.setup.score.fader(frame).gamma for frame in self.frames],
            "options": self._portable_options(),
            "settings": self.settings,
            "frames": entries,
        }
        write_bytes(record_path(self.output), json.dumps(about, indent=1).encode())
        if keep:
            return
        for path in (*map(self._path, self.frames), self.folder / "frames.jsonl"):
            path.unlink(missing_ok=True)
        (self.folder / "job.json").unlink(missing_ok=True)

    def _portable_options(self) -> dict[str, Any]:
        """The options with the size and the precision of this machine, and absolute paths."""
        options = self.asked.model_dump(mode="json")
        options["max_side"] = self.options.max_side or MAX_SIDE[self.setup.network.device.type]
        options["precision"] = "bf16" if self.setup.network.dtype == torch.bfloat16 else "float32"
        options["more_styles"] = [str(path.resolve()) for path in self.options.more_styles]
        if self.options.audio:
            options["audio"] = str(self.options.audio.resolve())
        for name in ("style1", "style2"):
            if getattr(self.options, name) == Options.model_fields[name].default:
                del options[name]  # the shipped pictures lie elsewhere on another machine
            else:
                options[name] = str(Path(options[name]).resolve())
        if Path(options["weights"]).is_file():
            options["weights"] = str(Path(options["weights"]).resolve())
        return options

    def _path(self, frame: int) -> Path:
        return _path(self.folder, frame)


@dataclass(frozen=True)
class _Painted:
    """A frame that is on disk, with its digest; `shot` is the shot's index."""

    frame: int
    shot: int
    result: Result
    seconds: float
    sha256: str | None


@dataclass(frozen=True)
class _Part:
    """Shots to paint, and what a process needs for it.

    log: the lines of the frames that are there already, of each shot the first ones.
    """

    info: VideoInfo
    options: Options
    analysis: Analysis
    folder: Path
    log: Mapping[int, Mapping[str, Any]]
    shots: Sequence[Shot]


def _paint_part(part: _Part, tell: Callable[[StepDone | _Painted], None]) -> None:
    """The work of a process."""
    with memory_errors(part.options):
        _paint(prepare(part.info, part.options), part, tell)


def _paint(setup: Setup, part: _Part, tell: Callable[[StepDone | _Painted], None]) -> None:
    """Paint what is missing of a part's shots, frame after frame onto the disk."""
    missing = {
        shot: [frame for frame in shot.frames if frame not in part.log] for shot in part.shots
    }
    # To go on inside a shot, the frame before is needed too.
    wanted = {f for shot in part.shots for f in shot.frames if f >= missing[shot][0] - 1}
    content = read_frames(setup.info, *setup.size, end=part.shots[-1].end, only=wanted)
    with contextlib.closing(content):
        for shot, frames in missing.items():
            previous = None
            if (last := frames[0] - 1) in shot.frames:
                pixels = np.asarray(load_frame(_path(part.folder, last)), np.float32)
                done = Result(pixels, **{name: part.log[last][name] for name in FIGURES})
                previous = Previous(next(content), done, setup.score.fader(last))
            _paint_shot(setup, part, shot, frames, content, previous, tell)


def _paint_shot(
    setup: Setup,
    part: _Part,
    shot: Shot,
    frames: Sequence[int],
    content: Iterator[Frame],
    previous: Previous | None,
    tell: Callable[[StepDone | _Painted], None],
) -> None:
    """`content` stands at the first of the `frames`, the shot's last ones."""
    frame = frames[0]

    def faders() -> Iterator[Fader]:
        """Asked for one by one, as each frame is begun."""
        nonlocal frame
        for frame in frames:
            yield setup.score.fader(frame)

    def step_done(step: int, *_: object) -> None:
        tell(StepDone(frame, step + 1))

    results = stylize_shot(
        setup.stylist.in_colors(part.analysis.palette(shot)),
        part.analysis.calibration(shot),
        (next(content) for _ in frames),
        faders(),
        previous,
        step_done,
    )
    if leaves_cores_idle(setup.network.device):
        results = ahead(results)  # a frame is written while the next one is painted
    with contextlib.closing(results):
        for done in frames:
            begun = time.monotonic()
            try:
                result = next(results)
            except DivergedError as error:
                raise DivergedError(f"frame {done}: {error}") from None
            path = _path(part.folder, done)
            save_image(result.frame, path)
            seconds = time.monotonic() - begun
            tell(_Painted(done, shot.index, result, seconds, file_digest(path)))


def _path(folder: Path, frame: int) -> Path:
    return folder / f"{frame:06d}.png"


def _as_json(fader: Fader) -> dict[str, Any]:
    """Gamma, and the number, from 1, of the style that gamma = 1 shows; 0 shows the next."""
    return {"gamma": fader.gamma, "pair": fader.pair + 1}


def _job_folder(output: Path, frames_dir: Path | None) -> Path:
    """Where the frames go. Raises UsageError where the output goes there too."""
    folder = frames_dir.resolve() if frames_dir else named_after(output, ".mnst")
    if folder.resolve() in {output.resolve(), record_path(output).resolve()}:
        raise UsageError(f"{folder}: is where the output goes; give another --frames-dir")
    return folder


@contextlib.contextmanager
def _held(folder: Path, given: bool) -> Iterator[None]:
    """The job folder, which is there while the block lasts; no other run works in it.

    It stays when something is in it, and where it is `given` and was there before.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is in the way: frames need a folder of this name")
    stays = given and folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"{folder}: cannot be made ({error.strerror})") from None
    try:
        with alone(folder / "job.lock", folder, "--frames-dir"):
            yield
    finally:
        if not stays:
            with contextlib.suppress(OSError):
                folder.rmdir()


def record_path(output: Path) -> Path:
    """Where the record of a finished render goes."""
    return named_after(output, ".mnst.json")


def _settings(setup: Setup, jobs: int, inputs: Sequence[str | None]) -> dict[str, Any]:
    """Everything that decides the bytes of the frames, by the names a person knows.

    inputs: the digests of the clip, or of its pictures.
    """
    options, network, size = setup.options, setup.network, setup.size
    device = network.device.type
    faders = [setup.score.fader(frame) for frame in setup.frames]
    curve = json.dumps([_as_json(fader) for fader in faders]).encode()
    digests = map(file_digest, options.styles)
    return {
        **options.model_dump(mode="json", exclude=set(NOT_IN_FINGERPRINT)),
        "input": _together(inputs) if setup.info.pictures else inputs[0],
        **{f"style{number}": digest for number, digest in enumerate(digests, 1)},
        "gamma": hashlib.sha256(curve).hexdigest(),
        "weights": network.sha256,
        "frames": f"{setup.frames.start} to {setup.frames.stop - 1}",
        "size": f"{size[0]}x{size[1]}",
        "device": device,
        "processor": _processor({on_device(options, job).device for job in range(jobs)}),
        "precision": str(network.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads() if device == "cpu" else None,
        "tiles": setup.tiles,
        "mnst-video": version("mnst-video"),
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def _together(digests: Iterable[str | None]) -> str:
    """The digest of some digests."""
    return hashlib.sha256("".join(digest or "" for digest in digests).encode()).hexdigest()


def _processor(names: Iterable[str]) -> str:
    """What of processors decides rounding: a CPU's vector instructions, the models of GPUs."""
    devices = [pick_device(name) for name in names]
    if devices[0].type == "cuda":
        return ", ".join(sorted({torch.cuda.get_device_name(device) for device in devices}))
    return torch.backends.cpu.get_cpu_capability() if devices[0].type == "cpu" else devices[0].type


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The settings that differ, in words; digests are only said to be of something else."""

    def change(name: str) -> str:
        if name == "gamma":
            return "another course of gamma"
        if name in ("input", "weights") or (name.startswith("style") and name[5:].isdecimal()):
            return f"{name}: another file"
        return f"{name}: {old.get(name)} → {new.get(name)}"

    names = sorted({*old, *new})
    return ", ".join(change(name) for name in names if old.get(name) != new.get(name))


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
