"""Playing: frames in their time, γ in the picture, what is kept of it."""

import socket
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
import torch

from mnst_video.errors import InputError, MnstError, UsageError
from mnst_video.live.feed import CameraFeed, ClipFeed
from mnst_video.live.hand import Hand
from mnst_video.live.play import Controls, live
from mnst_video.live.player import Player
from mnst_video.live.session import Session
from mnst_video.live.take import Kept
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.media.input.sound import read_sound
from mnst_video.model.file import Model, Training, load_model, save_model
from mnst_video.model.network import Network, Shape
from mnst_video.model.play import paint_with
from mnst_video.options import Options
from mnst_video.plan.setup import prepare
from mnst_video.presets import make_options
from mnst_video.training.train import learned_options

CPU = torch.device("cpu")


@pytest.fixture
def model_of(tmp_path, texture):
    def make(paintings=2):
        torch.manual_seed(0)
        network = Network(Shape(paintings, eighth=8, quarter=8, half=4, blocks=1))
        for key, value in network.named_parameters():
            if "scales" in key or "shifts" in key or key == "out.weight":
                torch.nn.init.normal_(value, 0.0, 0.2)
        model = Model(
            network=network,
            paintings=tuple(texture(24, 24, seed) for seed in range(paintings)),
            names=("one.png", "two.png", "three.png")[:paintings],
            options=learned_options(Options()),
            scales=((0.0, 0.2, 1.0),) * (paintings - 1),
            training=Training(0, 0.0, 32),
        )
        save_model(model, tmp_path / "pair.safetensors")
        return load_model(tmp_path / "pair.safetensors")

    return make


class Time:
    """A clock that only sleeping, and painting, move."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def feed_of(clip, clock, loop=False):
    clip = probe(clip)
    frames = range(clip.times.frames)
    return ClipFeed(clip, (32, 24), frames, loop, clock, clock.sleep)


def filled(feed):
    """Wait until it has decoded all it can, so that only the clock decides what is due."""
    for _ in range(500):
        if len(feed._queue) == 8 or feed._ended:
            return
        time.sleep(0.005)


def test_frames_come_at_their_time(make_clip):
    clock = Time()
    with feed_of(make_clip(frames=5, fps="10"), clock) as feed:
        times = []
        filled(feed)
        while (due := feed.next()) is not None:
            times.append((due.number, round(clock.now, 6), due.dropped))
    assert times == [(0, 0.0, 0), (1, 0.1, 0), (2, 0.2, 0), (3, 0.3, 0), (4, 0.4, 0)]


def test_frames_that_are_late_are_dropped(make_clip):
    clock = Time()
    with feed_of(make_clip(frames=8, fps="10"), clock) as feed:
        filled(feed)
        assert feed.next().number == 0
        clock.now = 0.35  # painting took so long
        due = feed.next()
        assert (due.number, due.dropped) == (3, 2)
        due = feed.next()
        assert (due.number, due.dropped, round(clock.now, 6)) == (4, 0, 0.4)


def test_a_clip_goes_round(make_clip):
    clock = Time()
    with feed_of(make_clip(frames=3, fps="10"), clock, loop=True) as feed:
        seen = []
        for _ in range(7):
            filled(feed)
            due = feed.next()
            seen.append((due.round, due.number, round(clock.now, 6)))
    assert seen == [(n // 3, n % 3, pytest.approx(n / 10)) for n in range(7)]


def test_what_cannot_be_decoded_any_more_is_told(make_clip, monkeypatch):
    from mnst_video.live import feed as feed_module

    def broken(*_):
        yield np.zeros((24, 32, 3), np.uint8)
        raise InputError("frame 1 can no longer be decoded")

    monkeypatch.setattr(feed_module, "read_frames", broken)
    clock = Time()
    with feed_of(make_clip(frames=3), clock) as feed:
        assert feed.next().number == 0
        with pytest.raises(InputError, match="frame 1"):
            feed.next()


def test_a_player_paints_by_the_mix_and_holds(model_of, texture):
    model = model_of()
    player = Player(model, CPU, torch.float32)
    assert player.mix(0.5).tolist() == pytest.approx([0.2, 0.8])
    frame = texture(64, 48, 7, blur=4.0)
    one = player(frame, 1.0)
    np.testing.assert_array_equal(
        one, paint_with(model.network.eval(), frame, torch.tensor([1.0, 0.0])).round()
    )
    np.testing.assert_array_equal(player(frame, 1.0), one)  # at rest
    other = player(frame, 0.0)  # a jump of γ is there at once
    np.testing.assert_array_equal(
        other, paint_with(model.network, frame, torch.tensor([0.0, 1.0])).round()
    )


def test_a_players_picture_moves_with_the_frame(model_of, texture):
    """What is held follows the motion: nearer to the warped picture than the network's alone."""
    model = model_of()
    before = texture(96, 64, 7, blur=4.0)
    after = np.roll(before, 3, axis=1)
    player = Player(model, CPU, torch.float32)
    painted = player(before, 1.0)
    held = player(after, 1.0).astype(float)
    alone = Player(model, CPU, torch.float32)(after, 1.0).astype(float)
    along = np.roll(painted, 3, axis=1).astype(float)
    inside = np.s_[8:-8, 12:-12]
    assert np.abs(held - along)[inside].mean() < 0.6 * np.abs(alone - along)[inside].mean()


def test_a_cut_holds_nothing(model_of, texture):
    model = model_of()
    player = Player(model, CPU, torch.float32)
    player(texture(64, 48, 1) // 4, 1.0)
    frame = 192 + texture(64, 48, 2) // 4
    np.testing.assert_array_equal(player(frame, 1.0), Player(model, CPU, torch.float32)(frame, 1.0))


def test_a_setlist_goes_from_the_first_to_the_last(model_of):
    player = Player(model_of(3), CPU, torch.float32)
    assert player.mix(0.0).tolist() == [1.0, 0.0, 0.0]
    assert player.mix(0.5).tolist() == [0.0, 1.0, 0.0]
    assert player.mix(1.0).tolist() == [0.0, 0.0, 1.0]


def test_a_movement_is_in_the_next_picture(make_clip, model_of):
    clock = Time()
    hand = Hand(0.0, clock)
    shown = []

    def sink(_picture, due, place, _words):
        shown.append((due.number, place))
        if due.number == 1:
            hand.put(0.9, "OSC")
            clock.now += 0.01
        return due.number < 3

    with feed_of(make_clip(frames=5, fps="10"), clock) as feed:
        filled(feed)
        session = Session(
            feed, Player(model_of(), CPU, torch.float32), hand, lambda _: 0.0, [sink], clock
        )
        figures = session.run()
    assert shown == [(0, 0.0), (1, 0.0), (2, 0.9), (3, 0.9)]
    assert figures.frames == 4
    ((frames, seconds),) = figures.latencies
    assert (frames, seconds) == (1, pytest.approx(0.1))
    assert session.status()[0] == 0.9


def played(clip, tmp_path, controls=None, **given):
    options = make_options(
        (),
        {
            "model": tmp_path / "pair.safetensors",
            "max_side": 32,
            "device": "cpu",
            "precision": "float32",
            "threads": 1,
            **given.pop("options", {}),
        },
    )
    controls = controls or Controls(window=False)
    return live(str(clip), options, controls, **given)


def test_a_take_is_kept(tmp_path, make_clip, model_of):
    model_of()
    clip = make_clip(frames=6, fps="10")
    figures = played(
        clip,
        tmp_path,
        kept=Kept(tmp_path / "take.mp4", tmp_path / "take.toml"),
        options={"gamma": "0f=0, 5f=1"},
    )
    assert figures.frames + figures.dropped == 6
    assert probe(tmp_path / "take.mp4").times.frames == 6
    options = make_options([str(tmp_path / "take.toml")], {})
    assert str(options.gamma) == "0f=0, 5f=1"
    with pytest.raises(UsageError, match="exists; use --overwrite"):
        played(clip, tmp_path, kept=Kept(tmp_path / "take.mp4"))
    with pytest.raises(UsageError, match="need names of their own"):
        played(clip, tmp_path, kept=Kept(tmp_path / "a.mp4", tmp_path / "a.mp4"))
    with pytest.raises(UsageError, match="--record-input: is for a camera"):
        played(clip, tmp_path, kept=Kept(input=tmp_path / "b.mp4"))
    assert not list(tmp_path.glob("*b*.mp4"))


def test_a_take_of_a_passage_has_its_sound_and_its_times(tmp_path, make_clip, model_of):
    model_of()
    clip, take = make_clip(frames=10, fps="10"), tmp_path / "take.mp4"
    played(
        clip,
        tmp_path,
        kept=Kept(take, tmp_path / "take.toml"),
        options={"gamma": "0f=0, 9f=0.9", "start": "0.3", "end": "0.8"},
    )
    options = make_options([str(tmp_path / "take.toml")], {})
    assert (str(options.start), str(options.end)) == ("0.3", "0.8")
    setup = prepare(probe(clip), make_options([str(tmp_path / "take.toml")], {"max_side": 32}))
    assert [setup.course.fader(t).gamma for t in setup.frames] == pytest.approx(
        [0.3, 0.4, 0.5, 0.6, 0.7]
    )
    recorded = probe(take)
    assert (recorded.times.frames, recorded.audio) == (5, ("aac",))
    heard = read_sound(take, origin=recorded.start)
    assert len(heard.samples) / heard.rate == pytest.approx(0.5, abs=0.06)
    assert np.abs(heard.samples).max() > 0.05


def test_a_take_is_kept_where_its_input_ends_in_an_error(
    tmp_path, make_clip, model_of, monkeypatch
):
    from mnst_video.live import feed as feed_module

    def broken(*_):
        yield np.zeros((24, 32, 3), np.uint8)
        raise InputError("frame 1 can no longer be decoded")

    model_of()
    monkeypatch.setattr(feed_module, "read_frames", broken)
    kept = Kept(tmp_path / "take.mkv", tmp_path / "take.toml")
    with pytest.raises(InputError, match="frame 1"):
        played(make_clip(frames=3), tmp_path, kept=kept, options={"threads": 1, "gamma": 0.5})
    assert probe(tmp_path / "take.mkv").times.frames == 1
    assert '"0f=0.5"' in (tmp_path / "take.toml").read_text()


def test_osc_plays_it(tmp_path, make_clip, model_of):
    """The value of a real datagram is in the take."""
    from pythonosc.udp_client import SimpleUDPClient

    model_of()
    clip = make_clip(frames=20, fps="20")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stop = threading.Event()

    def hand():
        client = SimpleUDPClient("127.0.0.1", port)
        while not stop.wait(0.05):
            client.send_message("/gamma", 0.625)

    thread = threading.Thread(target=hand)
    thread.start()
    try:
        played(
            clip,
            tmp_path,
            Controls(window=False, osc=("127.0.0.1", port)),
            kept=Kept(save_gamma=tmp_path / "take.toml"),
            options={"gamma": 0.0},
        )
    finally:
        stop.set()
        thread.join()
    assert (tmp_path / "take.toml").read_text().rstrip().endswith('19f=0.625"')


def test_a_camera_that_is_not_there(tmp_path, model_of):
    model_of()
    with pytest.raises(InputError, match="camera:97: there is no such camera"):
        CameraFeed(97, 64)
    with pytest.raises(UsageError, match="camera:x: write camera:0"):
        played("camera:x", tmp_path)


class Camera:
    """A clip in a camera's place, at its pace."""

    def __init__(self, clip):
        self.clip = cv2.VideoCapture(str(clip))
        self.isOpened, self.get, self.release = self.clip.isOpened, self.clip.get, self.clip.release

    def read(self):
        time.sleep(0.05)
        return self.clip.read()


def test_a_camera_is_kept_beside_its_take(tmp_path, make_clip, model_of, monkeypatch):
    """At 20 frames a second: as long as it was, with each frame of the camera under its paint."""
    model_of()
    clip = make_clip(frames=12, audio=False)
    camera = Camera(clip)
    real = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda of, *a: real(of, *a) if of else camera)
    kept = Kept(tmp_path / "take.mkv", tmp_path / "take.toml", tmp_path / "input.mkv")
    with pytest.raises(InputError, match="camera:0: gives no more frames"):
        played("camera:0", tmp_path, kept=kept, options={"gamma": 0.25, "max_side": 32})
    take, given = probe(kept.record), probe(kept.input)
    assert (take.width, given.width) == (32, 64)
    assert take.times.frames == given.times.frames
    assert 0.4 < float(take.times.duration) < 1.2
    options = make_options([str(kept.save_gamma)], {"max_side": 32})
    course = prepare(given, options).course
    assert {course.fader(t).gamma for t in range(given.times.frames)} == {0.25}
    last = list(read_frames(given, 64, 48))[-1].astype(int)
    frames = read_frames(probe(clip), 64, 48)
    assert min(np.abs(last - frame).mean() for frame in frames) < 6


def test_a_camera_hears_and_counts_nothing(tmp_path, model_of):
    model_of()
    with pytest.raises(UsageError, match=r"react = rms:1: a camera has no sound"):
        played("camera:0", tmp_path, options={"react": "rms:1"})
    with pytest.raises(UsageError, match="start: is for clips"):
        played("camera:0", tmp_path, options={"start": "1"})


def test_the_sound_of_a_clip_needs_one(tmp_path, make_clip, model_of):
    model_of()
    controls = Controls(window=False, sound=True)
    with pytest.raises(UsageError, match=r"--sound: .*clip\.mp4 has none"):
        played(make_clip(frames=2, audio=False), tmp_path, controls)


def test_a_microphone_needs_something_to_do(tmp_path, make_clip, model_of):
    model_of()
    controls = Controls(window=False, mic="default")
    with pytest.raises(UsageError, match="--mic: say what the sound does: --react"):
        played(make_clip(frames=2), tmp_path, controls)
    with pytest.raises(UsageError, match="not in a microphone's"):
        played(make_clip(frames=2), tmp_path, controls, options={"react": "rms:1", "bpm": "auto"})
    nothing = Controls(window=False, mic="no input has this name")
    with pytest.raises(MnstError, match=r"no sound input|is called so|PortAudio"):
        played(make_clip(frames=2), tmp_path, nothing, options={"react": "rms:1"})


def test_raw_frames_go_to_standard_output(tmp_path, make_clip, model_of):
    model_of()
    clip = make_clip(frames=3, fps="2")
    command = [
        *(sys.executable, "-m", "mnst_video", "live", clip, "--once", "--no-window", "-o", "-"),
        *("--model", tmp_path / "pair.safetensors", "--max-side", "32", "--threads", "1"),
        *("--device", "cpu", "--precision", "float32", "--gamma", "0.5"),
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, 24, 32, 3)
    assert 1 <= len(frames) <= 3
    content = next(read_frames(probe(clip), 32, 24))
    network = load_model(tmp_path / "pair.safetensors").network
    first = paint_with(network, content, torch.tensor([0.2, 0.8])).round()
    np.testing.assert_array_equal(frames[0], first)
    assert b"a second" in done.stderr
