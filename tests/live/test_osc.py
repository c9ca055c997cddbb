"""OSC: real datagrams on the loopback address."""

import socket
import time

import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import SimpleUDPClient

from mnst_video.errors import MachineError, UsageError
from mnst_video.live.hand import Hand
from mnst_video.live.osc import address_of, listening


@pytest.fixture
def hand():
    return Hand(0.0, time.monotonic)


def until(condition):
    for _ in range(200):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_gamma_is_put_and_released(hand):
    with listening(("127.0.0.1", 0), hand, lambda: [0.0]) as port:
        client = SimpleUDPClient("127.0.0.1", port)
        client.send_message("/gamma", 0.25)
        assert until(lambda: hand.held_by == "OSC")
        assert hand.next(0.0)[0] == pytest.approx(0.25)
        client.send_message("/gamma", 1)
        assert until(lambda: hand.next(0.0)[0] == 1.0)
        client.send_message("/release", [])
        assert until(lambda: hand.held_by is None)


def test_the_status_is_answered(hand):
    with (
        listening(("127.0.0.1", 0), hand, lambda: [0.5, 30.0, 12.0, 3.0]) as port,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
    ):
        ours.bind(("127.0.0.1", 0))
        ours.settimeout(5.0)
        ours.sendto(OscMessageBuilder("/status").build().dgram, ("127.0.0.1", port))
        answer = OscMessage(ours.recv(1024))
    assert (answer.address, answer.params) == ("/status", [0.5, 30.0, 12.0, 3.0])


def test_rubbish_is_not_heard(hand, capfd):
    with (
        listening(("127.0.0.1", 0), hand, lambda: [0.0]) as port,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
    ):
        for data in (
            b"",
            b"x",
            b"/gamma",
            b"#bundle\0" + bytes(8),
            bytes(999),
        ):
            ours.sendto(data, ("127.0.0.1", port))
        client = SimpleUDPClient("127.0.0.1", port)
        for wrong in ("loud", [], [0.1, 0.2], float("nan"), True):
            client.send_message("/gamma", wrong)
        client.send_message("/other", 0.9)
        client.send_message("/gamma", 0.75)
        assert until(lambda: hand.held_by == "OSC")
        assert hand.next(0.0)[0] == 0.75
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken_gets_a_line(hand):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        address = other.getsockname()
        with (
            pytest.raises(MachineError, match=r"cannot be listened to .*give another port"),
            listening(address, hand, lambda: [0.0]),
        ):
            pass


def test_addresses_as_they_are_typed():
    assert address_of("9000") == ("127.0.0.1", 9000)
    assert address_of("0.0.0.0:7000") == ("0.0.0.0", 7000)
    for text in ("", "a", "70000", "host:", "9000:x"):
        with pytest.raises(UsageError, match="write a port"):
            address_of(text)
