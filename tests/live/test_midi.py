"""MIDI bytes, through mido's own parser."""

import time

import mido
import pytest

from mnst_video.errors import UsageError
from mnst_video.live.midi import Control, Knob, open_port


def values(knob, *data):
    """What a knob reads from the bytes of a cable."""
    return [knob.read(message) for message in mido.parse_all(bytes(data))]


def test_seven_bits():
    knob = Knob(Control.parse("cc74"))
    assert values(knob, 0xB0, 74, 0, 0xB0, 74, 127, 0xB3, 74, 64) == [0.0, 1.0, 64 / 127]
    assert values(knob, 0xB0, 75, 3, 0x90, 74, 100, 0xC0, 5) == [None, None, None]


def test_fourteen_bits_come_in_two_messages():
    """The coarse half is shown at once until the finer one was heard; then they go together."""
    knob = Knob(Control.parse("cc1"))
    assert values(knob, 0xB0, 1, 64) == [64 / 127]
    assert values(knob, 0xB0, 33, 32) == [(64 << 7 | 32) / 16383]
    assert values(knob, 0xB0, 1, 127, 0xB0, 33, 127) == [None, 1.0]
    assert values(knob, 0xB0, 33, 126) == [(127 << 7 | 126) / 16383]


def test_a_controller_that_is_the_finer_half_of_nothing_stands_for_itself():
    assert values(Knob(Control.parse("cc40")), 0xB0, 40, 127) == [1.0]


def test_pitch_bend_has_fourteen_bits():
    knob = Knob(Control.parse("pitch"))
    found = values(knob, 0xE0, 0, 0, 0xE0, 0, 64, 0xE0, 127, 127)
    assert found == [0.0, 8192 / 16383, 1.0]


def test_a_channel_of_its_own():
    knob = Knob(Control.parse("cc7@2"))
    assert values(knob, 0xB0, 7, 127, 0xB1, 7, 127) == [None, 1.0]


def test_the_first_that_moves_is_learned():
    knob = Knob()
    assert values(knob, 0x90, 60, 100, 0xB4, 20, 127, 0xB0, 20, 64, 0xB4, 20, 0) == [
        *(None, 1.0, None, 0.0)
    ]
    assert str(knob.control) == "cc20@5"
    bend = Knob()
    assert values(bend, 0xE2, 0, 64, 0xB2, 1, 3) == [8192 / 16383, None]
    assert str(bend.control) == "pitch@3"


@pytest.mark.parametrize("text", ["cc0", "cc127@16", "pitch", "pitch@1"])
def test_controls_as_they_are_typed(text):
    assert str(Control.parse(text)) == text
    assert Control.parse(f" {text.upper()} ") == Control.parse(text)


@pytest.mark.parametrize("text", ["", "cc", "cc128", "cc1@0", "cc1@17", "note60", "cc-1", "pitch1"])
def test_what_is_no_control(text):
    with pytest.raises(UsageError, match="write cc1"):
        Control.parse(text)


def test_a_virtual_port_is_heard():
    try:
        out = mido.open_output("mnst-video test", virtual=True)
    except Exception:
        pytest.skip("this machine has no MIDI")
    heard = []
    port = open_port("mnst-video test", heard.append)
    out.send(mido.Message("control_change", control=1, value=64))
    for _ in range(100):
        if heard:
            break
        time.sleep(0.02)
    port.close()
    out.close()
    assert Knob().read(heard[0]) == 64 / 127
