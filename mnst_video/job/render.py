"""A render as a job: plan the shots, render or reuse each frame, encode. The only stateful part.

A job folder holds `job.json` (the settings that decide the frames), a PNG per frame, and
`frames.jsonl`, a line per finished frame with its digest. A frame counts as finished when its line
is there and its file has that digest; whatever is not, is rendered again, to the same bytes.
"""

import contextlib
import json
import threading
import time
from collections.abc import Generator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mnst_video.errors import MachineError, UsageError, unwritten
from mnst_video.job.events import Encoding, FrameDone, Observer, Report, StepDone, nobody
from mnst_video.job.fingerprint import differences, fader_json, fingerprint
from mnst_video.job.folder import frame_path, held, job_folder, move_aside, record_path
from mnst_video.job.lock import alone, lock_of
from mnst_video.job.processes import divide, on_device, run, share
from mnst_video.job.unchanged import Watched
from mnst_video.job.worker import FIGURES, Painted, Part, paint_part, paint_shots
from mnst_video.media.files import check_name, file_digest, write_bytes
from mnst_video.media.frames import Frame, faded, resize
from mnst_video.media.images import load_frame
from mnst_video.media.input.decode import read_frames, read_opacity
from mnst_video.media.output.checks import check_encoder, check_output, holds_opacity
from mnst_video.media.output.encode import open_encoder
from mnst_video.options import MAX_SIDE, Options
from mnst_video.painting.machine import memory_errors
from mnst_video.plan.analysis import Analysis, analyse
from mnst_video.plan.plan import Plan
from mnst_video.plan.setup import Setup, prepare
from mnst_video.plan.shots import Shot, passage
from mnst_video.plan.source import clip_of, default_output


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
    folder = job_folder(output, Path(frames_dir) if frames_dir else None)
    observe = observe or nobody
    keep = keep_frames or frames_dir is not None
    with (
        alone(lock_of(output), output, "--output"),
        held(folder, frames_dir is not None),
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
        self.settings = fingerprint(setup, jobs, digests)
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
            changed = differences(settings, self.settings)
            problem = f"holds frames made with other settings ({changed})"
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
        move_aside(self.folder)
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
                if entry is None or file_digest(frame_path(self.folder, frame)) != entry["sha256"]:
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
            Part(
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

        def take(message: StepDone | Painted) -> None:
            with alone:
                self._take(message, observe)

        with self.watched.unchanged():
            if len(parts) == 1:  # everything it needs is here already
                paint_shots(self.setup, parts[0], take)
            else:
                run(paint_part, parts, take)

    def _take(self, message: "StepDone | Painted", observe: Observer) -> None:
        """Pass a step on; of a frame, first keep that it is there."""
        if isinstance(message, StepDone):
            observe(message)
            return
        self.watched.check()  # what came of another file is never taken for finished
        frame, result = message.frame, message.result
        fader = self.setup.score.fader(frame)
        self.log[frame] = {
            "frame": frame,
            **fader_json(fader),
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
                yield resize(load_frame(frame_path(self.folder, frame)), *size)
            return
        footage = read_frames(self.info, *size, self.frames.start, self.frames.stop)
        with contextlib.closing(footage):
            for frame, strength, source in zip(self.frames, strengths, footage, strict=True):
                yield faded(
                    source, resize(load_frame(frame_path(self.folder, frame)), *size), strength
                )

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
        for path in (
            *(frame_path(self.folder, frame) for frame in self.frames),
            self.folder / "frames.jsonl",
        ):
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
