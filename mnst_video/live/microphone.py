"""A microphone, or whatever else a machine can hear: what reactions make of it, as it comes."""

import contextlib
import time
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mnst_video.errors import MachineError, UsageError
from mnst_video.live.devices import reason_of, sounddevice
from mnst_video.timeline.hearing import Hearing
from mnst_video.timeline.reaction import Reaction

# The name that means the system's own choice.
DEFAULT = "default"


class Microphone:
    """Listens while the context lasts; `added` is what the reactions add to γ now.

    keep: a WAV file for what is heard. Raises UsageError where no such input is there,
    MachineError without the extra, or without any input.
    """

    def __init__(self, name: str, reactions: Sequence[Reaction], keep: Path | None = None) -> None:
        self.kept = keep
        self._portaudio = sounddevice("--mic")
        device = _device(self._portaudio, name)
        self.rate = int(device["default_samplerate"])
        # The second at which the first sample was heard.
        self.begun: float | None = None
        self._queue: SimpleQueue[NDArray[np.float32]] = SimpleQueue()
        self._hearing = Hearing(reactions, self.rate)
        self._file: wave.Wave_write | None = None
        self._stack = contextlib.ExitStack()
        self._open: Callable[[], Any] = lambda: self._portaudio.InputStream(
            device=device["index"],
            channels=min(2, device["max_input_channels"]),
            samplerate=self.rate,
            dtype="float32",
            latency="low",
            callback=self._heard,
        )
        self._name = name

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            if self.kept is not None:
                self._file = stack.enter_context(wave.open(str(self.kept), "wb"))
                self._file.setparams((1, 2, self.rate, 0, "NONE", ""))
                stack.callback(self._listen)
            try:
                stack.enter_context(self._open())
            except self._portaudio.PortAudioError as error:
                raise MachineError(f"--mic {self._name}: {reason_of(error)}") from None
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _heard(self, samples: NDArray[np.float32], *_: object) -> None:
        """Called in a thread that must not wait."""
        if self.begun is None:
            self.begun = time.monotonic() - len(samples) / self.rate
        self._queue.put(samples.mean(axis=1))

    def _listen(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                samples = self._queue.get_nowait()
                self._hearing.hear(samples)
                if self._file is not None:
                    whole = (samples.clip(-1.0, 1.0) * 32767.0).round().astype("<i2")
                    self._file.writeframes(whole.tobytes())

    @property
    def added(self) -> float:
        self._listen()
        return self._hearing.added


def _device(portaudio: Any, name: str) -> Any:
    """What PortAudio knows of the input whose name has `name` in it."""
    inputs = [one for one in portaudio.query_devices() if one["max_input_channels"] > 0]
    if not inputs:
        raise MachineError("--mic: this machine has no sound input")
    if name == DEFAULT:
        number = portaudio.default.device[0]
        return next((one for one in inputs if one["index"] == number), inputs[0])
    near = [one for one in inputs if name.lower() in one["name"].lower()]
    near = [one for one in near if one["name"] == name] or near
    if len(near) != 1:
        there = ", ".join(one["name"] for one in inputs)
        problem = "no sound input is called so" if not near else "more than one is called so"
        raise UsageError(f"--mic {name}: {problem}; there are: {there}, and {DEFAULT}")
    return near[0]
