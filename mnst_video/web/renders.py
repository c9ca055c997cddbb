"""Renders of a clip: a queue of command lines, each in a process that outlives the studio.

What is queued, runs, and ran stands in `NAME.studio/renders.json`, and what a run says in a log
beside it: a studio that is started anew finds them again, and goes on where a machine stopped.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import psutil

from mnst_video.errors import MachineError, UsageError
from mnst_video.media.files import write_bytes
from mnst_video.web.project import Project

LIST = "renders.json"
# Seconds between two looks at what runs.
PAUSE = 0.25
# Lines of a log that are kept for a person.
MOST_NOTES = 200
# Frames that the pace is taken of.
PACE = 20

State = Literal["queued", "running", "pausing", "paused", "done", "failed"]
Kind = Literal["render", "preview", "evaluate"]


@dataclass(frozen=True)
class Run:
    """One command line. number: counts them. output: what it writes, or judges.

    process: the number of its process and when that was created, so that no other one is taken for
    it. problem: the line that it failed with. of: the render that it judges.
    """

    number: int
    kind: Kind
    output: str
    arguments: tuple[str, ...]
    state: State = "queued"
    process: tuple[int, float] | None = None
    problem: str | None = None
    of: int | None = None
    begun: float | None = None
    seconds: float | None = None


@dataclass
class Progress:
    """What a run has told so far, read from its log."""

    offset: int = 0
    rest: bytes = b""
    phase: str = "waiting"
    done: int = 0
    total: int = 0
    first: int = 0
    frame: int | None = None
    size: tuple[int, int] | None = None
    notes: list[str] = field(default_factory=list)
    last_line: str = ""
    result: str = ""
    code: int | None = None
    took: list[float] = field(default_factory=list)

    def read(self, log: Path) -> bool:
        """Read what is new; whether there was something."""
        try:
            with log.open("rb") as file:
                file.seek(self.offset)
                came = file.read()
        except OSError:
            return False
        self.offset += len(came)
        *lines, self.rest = (self.rest + came).split(b"\n")
        for line in lines:
            self._hear(line.decode("utf-8", "replace").strip())
        return bool(lines)

    def _hear(self, line: str) -> None:
        about: Any = None
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                about = json.loads(line)
        if not isinstance(about, dict):
            if line:
                self.last_line = line
                if line.startswith(("note: ", "mnst-video: ")) or not self.notes:
                    self._note(line)
            return
        event = about.get("event")
        if event is None:
            self.result = line
        elif event in ("look", "count"):
            self.phase = "looking" if event == "look" else "working"
            self.done, self.total = about["done"], about["total"]
        elif event == "plan":
            self.phase, self.total = "painting", about["frames"]
            self.done, self.first = about["reused"], about["first"]
            self.size = tuple(about["size"])
            for note in about["notes"]:
                self._note(f"note: {note}")
        elif event == "frame":
            self.phase, self.done, self.frame = "painting", about["done"], about["frame"]
            self.took = [*self.took[-PACE:], float(about["seconds"])]
        elif event == "encode":
            self.phase = "encoding"
        elif event == "end":
            self.code = about["code"]

    def _note(self, line: str) -> None:
        self.notes = [*self.notes[-MOST_NOTES:], line]

    @property
    def left(self) -> float | None:
        """Seconds that are left, at the pace of the last frames."""
        if self.phase != "painting" or not self.took:
            return None
        return (self.total - self.done) * sum(self.took) / len(self.took)


class Renders:
    """The queue of a project. One runs at a time; from the first change on a thread looks after it.

    changed: called, from any thread, when something is new.
    """

    def __init__(self, project: Project, changed: Callable[[], None]) -> None:
        self._project, self._changed = project, changed
        self._lock = threading.RLock()
        self._progress: dict[int, Progress] = {}
        self._runs: dict[int, Run] = {run.number: run for run in self._saved()}
        self._begun: set[int] = set()  # by this studio
        self._stop = threading.Event()
        for run in self._runs.values():
            self._progress[run.number] = Progress()
            self._progress[run.number].read(self._log(run))
        threading.Thread(target=self._look_after, daemon=True).start()

    @property
    def shown(self) -> list[dict[str, Any]]:
        """All of them for the page, the newest first."""
        with self._lock:
            return [self._shown(run) for run in sorted(self._runs.values(), key=_newest_first)]

    def _shown(self, run: Run) -> dict[str, Any]:
        progress = self._progress[run.number]
        return {
            "number": run.number,
            "kind": run.kind,
            "of": run.of,
            "state": run.state,
            "name": Path(run.output).name,
            "output": run.output,
            "there": Path(run.output).is_file(),
            "problem": run.problem,
            "phase": progress.phase,
            "done": progress.done,
            "total": progress.total,
            "frame": progress.frame,
            "size": progress.size,
            "left": progress.left,
            "notes": progress.notes,
            "begun": run.begun,
            "seconds": run.seconds,
            "command": run.arguments,
        }

    def add(
        self, kind: Kind, output: Path, arguments: tuple[str, ...], of: int | None = None
    ) -> Run:
        """Queue a command line. Raises MachineError where that cannot be written down."""
        with self._lock:
            number = self.next_number
            run = Run(number, kind, str(output), arguments, of=of)
            self._progress[number] = Progress()
            with contextlib.suppress(OSError):
                self._log(run).unlink()
            self._put(run)
        return run

    @property
    def next_number(self) -> int:
        return max(self._runs, default=0) + 1

    def run(self, number: int) -> Run:
        """Raises UsageError where there is none of this number."""
        with self._lock:
            if number not in self._runs:
                raise UsageError(f"there is no render {number}")
            return self._runs[number]

    def result(self, number: int) -> Any:
        """What a finished evaluation printed, parsed; None where it did not."""
        run = self.run(number)
        text = self._progress[run.number].result
        return json.loads(text) if text else None

    def pause(self, number: int) -> None:
        """Stop it, with its frames kept, or take it out of the queue for now."""
        with self._lock:
            run = self.run(number)
            if run.state == "queued":
                self._put(replace(run, state="paused"))
            elif run.state == "running":
                self._put(replace(run, state="pausing"))
                _interrupt(run)

    def go_on(self, number: int) -> None:
        """Queue it again: it goes on from the frames that are there."""
        with self._lock:
            run = self.run(number)
            if run.state in ("paused", "failed"):
                self._put(replace(run, state="queued", problem=None))

    def remove(self, number: int) -> None:
        """Take it out of the list; what it wrote stays."""
        with self._lock:
            run = self.run(number)
            if run.state in ("running", "pausing"):
                raise UsageError("a render that runs is paused before it is removed")
            del self._runs[number], self._progress[number]
            self._save()
        self._changed()

    def close(self) -> None:
        """Look after them no longer; what runs goes on."""
        self._stop.set()

    def _saved(self) -> list[Run]:
        try:
            saved = json.loads((self._project.home / LIST).read_text())
            return [
                Run(
                    **{
                        **run,
                        "arguments": tuple(run["arguments"]),
                        "process": tuple(run["process"]) if run["process"] else None,
                    }
                )
                for run in saved
            ]
        except (OSError, ValueError, TypeError, KeyError):
            return []

    def _save(self) -> None:
        runs = [asdict(run) for run in self._runs.values()]
        home = self._project.make_home()
        write_bytes(home / LIST, json.dumps(runs, indent=1).encode())

    def _put(self, run: Run) -> None:
        self._runs[run.number] = run
        try:
            self._save()
        finally:
            self._changed()

    def _log(self, run: Run) -> Path:
        return self._project.home / f"render-{run.number:03d}.log"

    def _look_after(self) -> None:
        while not self._stop.wait(PAUSE):
            # Where the list cannot be written, on a full disk, renders go on nevertheless.
            with self._lock, contextlib.suppress(MachineError):
                for run in list(self._runs.values()):
                    if run.state in ("running", "pausing"):
                        self._look_at(run)
                if not any(r.state in ("running", "pausing") for r in self._runs.values()):
                    queued = [r for r in self._runs.values() if r.state == "queued"]
                    if queued:
                        self._start(min(queued, key=lambda run: run.number))

    def _look_at(self, run: Run) -> None:
        progress = self._progress[run.number]
        news = progress.read(self._log(run))
        if progress.code is None and not _alive(run):
            progress.read(self._log(run))  # what it wrote last
            if progress.code is None:
                # Without a word: a machine that stopped, with its frames there, or something odd
                # that would go wrong again.
                ours = run.number in self._begun
                state: State = "failed" if ours else "queued"
                problem = f"it ended without a word; {self._log(run)}" if ours else None
                if run.state == "pausing":
                    state, problem = "paused", None
                self._put(replace(run, state=state, process=None, problem=problem))
                return
        if progress.code is not None:
            self._ended(run, progress)
        elif news:
            self._changed()

    def _ended(self, run: Run, progress: Progress) -> None:
        seconds = time.time() - (run.begun or time.time())
        ended = replace(run, process=None, seconds=seconds)
        if progress.code == 0:
            progress.phase = "done"
            self._put(replace(ended, state="done"))
        elif run.state == "pausing":
            self._put(replace(ended, state="paused"))
        else:
            problem = progress.last_line.removeprefix("mnst-video: ")
            self._put(replace(ended, state="failed", problem=problem or "it ended without a word"))

    def _start(self, run: Run) -> None:
        log = self._log(run)
        with contextlib.suppress(OSError):
            log.unlink()
        self._progress[run.number] = Progress(phase="starting")
        command = [sys.executable, "-m", "mnst_video.web.errand", str(log), *run.arguments]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd=self._project.source.parent,
            )
        except OSError as error:
            problem = f"cannot be started ({error.strerror})"
            self._put(replace(run, state="failed", problem=problem))
            return
        threading.Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie
        self._begun.add(run.number)
        created = 0.0
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended already
            created = psutil.Process(process.pid).create_time()
        started = replace(
            run, state="running", process=(process.pid, created), begun=run.begun or time.time()
        )
        self._put(started)


def _newest_first(run: Run) -> int:
    return -run.number


def _alive(run: Run) -> bool:
    """Whether its process is there, and no other one that has its number now."""
    if run.process is None:
        return False
    number, created = run.process
    try:
        process = psutil.Process(number)
        same = abs(process.create_time() - created) < 2.0
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _interrupt(run: Run) -> None:
    """What Ctrl-C does on a terminal."""
    if run.process is None:
        return
    with contextlib.suppress(OSError, psutil.Error):
        if os.name == "posix":
            os.killpg(run.process[0], signal.SIGINT)
        else:
            for child in psutil.Process(run.process[0]).children(recursive=True):
                child.terminate()
