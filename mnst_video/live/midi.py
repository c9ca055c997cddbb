"""MIDI controls as values from 0 to 1."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from mnst_video.errors import MachineError, UsageError

# Of the MIDI 1.0 specification: controllers 0 to 31 have their finer seven bits in 32 to 63.
FINE = 32
_CONTROL = re.compile(r"(?:(?P<pitch>pitch)|cc(?P<number>\d+))(?:@(?P<channel>\d+))?")


@dataclass(frozen=True)
class Control:
    """A knob, fader or wheel. number: of a control change; None is pitch bend. channel: 1..16."""

    number: int | None
    channel: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Control":
        """Read `cc1`, `cc7@2`, `pitch`, `pitch@1`. Raises UsageError."""
        match = _CONTROL.fullmatch(text.strip().lower())
        number = int(match["number"]) if match and match["number"] else None
        channel = int(match["channel"]) if match and match["channel"] else None
        beyond = (number or 0) > 127 or (channel is not None and not 1 <= channel <= 16)
        if not match or beyond:
            raise UsageError(
                f"--midi-control {text}: write cc1 (0 to 127), pitch, and @2 behind it for a "
                "channel (1 to 16)"
            )
        return cls(number, channel)

    def __str__(self) -> str:
        name = "pitch" if self.number is None else f"cc{self.number}"
        return name if self.channel is None else f"{name}@{self.channel}"


@dataclass
class Knob:
    """Reads one control from a stream of MIDI messages, as mido has them.

    control: None learns the first one that moves.
    """

    control: Control | None = None
    _coarse: dict[int, int] = field(default_factory=dict)
    _fine: set[int] = field(default_factory=set)

    def read(self, message: Any) -> float | None:
        """The value that a message puts the control to, 0..1; None where it says nothing of it."""
        channel = getattr(message, "channel", -1) + 1
        if message.type == "pitchwheel":
            heard, value = Control(None, channel), (message.pitch + 8192) / 16383
        elif message.type == "control_change":
            heard, value = self._controller(message, channel)
            if value is None:
                return None
        else:
            return None
        if self.control is None:
            self.control = heard
        wanted = self.control
        if heard.number != wanted.number or wanted.channel not in (None, channel):
            return None
        return float(min(1.0, value))

    def _controller(self, message: Any, channel: int) -> tuple[Control, float | None]:
        number, value = message.control, message.value
        coarse = number - FINE if FINE <= number < 2 * FINE else number
        place = 128 * channel + coarse
        if coarse != number and place in self._coarse:
            # The finer bits of a control that was heard: from now on they follow each move.
            self._fine.add(place)
            return Control(coarse, channel), (self._coarse[place] << 7 | value) / 16383
        if number < FINE:
            self._coarse[place] = value
            if place in self._fine:
                return Control(number, channel), None
        return Control(number, channel), value / 127


class _Port(Protocol):
    name: str

    def close(self) -> None: ...


def open_port(name: str, heard: Callable[[Any], None]) -> _Port:
    """Listen to a MIDI input whose name has `name` in it; `heard` gets each message, in a thread.

    Raises UsageError where there is none or more than one, MachineError without the extra.
    """
    try:
        import mido

        names = list(dict.fromkeys(mido.get_input_names()))
    except ImportError:
        raise MachineError(
            'MIDI needs mido and python-rtmidi: pip install "mnst-video[live]"'
        ) from None
    except Exception as error:  # rtmidi has a class of its own for a machine without MIDI
        raise MachineError(f"--midi: this machine has no MIDI ({error})") from None
    near = [one for one in names if one == name] or [n for n in names if name.lower() in n.lower()]
    if len(near) != 1:
        there = ", ".join(names) or "none"
        problem = "no MIDI input is called so" if not near else "more than one is called so"
        raise UsageError(f"--midi {name}: {problem}; there are: {there}")
    port: _Port = mido.open_input(near[0], callback=heard)
    return port
