"""`train`: a network for some paintings, from what it is to paint."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mnst_video.errors import DivergedError, InputError, UsageError
from mnst_video.job.events import Looking
from mnst_video.job.workplace import at_work
from mnst_video.media.files import check_target
from mnst_video.media.frames import Frame
from mnst_video.media.images import load_image, save_image
from mnst_video.method.vgg import VGG19
from mnst_video.model.base import begin, load_base
from mnst_video.model.file import Model, Training, kept_size, load_model, save_model
from mnst_video.model.network import Network, Shape
from mnst_video.model.play import paint_with
from mnst_video.option_types import Mark
from mnst_video.options import Options, marked
from mnst_video.painting.machine import load_network
from mnst_video.painting.styles import Styles
from mnst_video.plan.setup import with_model
from mnst_video.plan.source import default_output
from mnst_video.timeline.fader import Fader
from mnst_video.training.content import (
    Group,
    calibration_frames,
    open_all,
    read_all,
    window,
)
from mnst_video.training.learner import Figures, Learner, Sample

# The longer side of what is trained on, where none is given: as large as it is played.
SIDE = 640
# Seconds between two states that are kept, each with a picture.
KEEP_EVERY = 30.0
# From this share of the time on the rate falls, to nearly nothing.
FALLS_FROM, LAST_SHARE = 0.5, 0.01
# The least that the mean loss has to fall from the middle third of the steps to the last: from step
# to step it differs by half. How many steps there have to be, and between two looks.
GAINS, LEAST, LOOK_EVERY = 0.02, 3000, 100
# Points of a scale from gamma to the mix.
POINTS = 65

Observer = Callable[["Looking | Learning"], None]


@dataclass(frozen=True)
class Learning:
    """A step was taken. seconds: of training so far, of `limit`. Figures as `Figures` has them."""

    step: int
    seconds: float
    limit: float
    figures: Figures


@dataclass(frozen=True)
class Trained:
    """A finished training. missing: the share of the style that was missing at a quarter, half,
    three quarters and the end of this run. early: it stopped as it no longer gained."""

    output: Path
    picture: Path
    frames: int
    steps: int
    seconds: float
    missing: tuple[float, ...]
    content: float
    early: bool

    @property
    def after_as_much_again(self) -> float:
        """What is missing after twice the time, should it fall by the same factor once more."""
        half, whole = self.missing[1], self.missing[3]
        return whole * min(1.0, whole / half)


def train(
    contents: Sequence[Path],
    output: Path,
    options: Options | None = None,
    *,
    minutes: float = 5.0,
    shape: Shape | None = None,
    begin_with: Path | str = "base",
    overwrite: bool = False,
    observe: Observer | None = None,
) -> Trained:
    """Train a network on the styles of the options, for content like that of some files.

    contents: clips, pictures, and folders of pictures.
    minutes: in all. An interrupted training goes on where it stopped when it is called again, and
        so does a finished one with more of them.
    shape: the size of the network; its paintings are counted here.
    begin_with: the weights it begins with: "base", those that come with the program (which other
        shapes than theirs do without), "none", chance, or the file of another model.
    Raises UsageError, InputError, MachineError or DivergedError.
    """
    options, observe = options or Options(), observe or (lambda _: None)
    if options.losses == "article":
        raise UsageError(
            "losses = article: a network is trained with the relative ones; leave the preset out"
        )
    if not minutes > 0.0 or not math.isfinite(minutes):
        raise UsageError(f"--minutes {minutes:g}: give more than 0")
    opened = open_all(contents, options.input)
    pictures = tuple(kept_size(load_image(path)) for path in options.styles)
    side = options.max_side or SIDE
    beginning = _beginning(begin_with, len(pictures), shape)
    sources = (*contents, *options.styles)
    check_target(output, sources, overwrite=True)
    with at_work(output, options.machine):
        before = None if overwrite else _before(output, options, pictures, side, minutes)
        vgg = load_network(options.machine)
        groups = read_all(opened, side, lambda done, total: observe(Looking(done, total)))
        samples = _samples(groups, options, vgg, pictures)
        if before is None:
            learner = Learner(beginning.to(vgg.device))
        else:
            learner = _learner(before, vgg.device)
        run = _Run(learner, samples, 60.0 * minutes, before.training.seconds if before else 0.0)

        def keep() -> Model:
            model = Model(
                network=learner.played(),
                paintings=pictures,
                names=tuple(path.name for path in options.styles),
                options=learned_options(options),
                scales=_scales(samples),
                training=Training(
                    steps=learner.steps,
                    seconds=run.seconds,
                    side=side,
                    weights={n: v.detach() for n, v in learner.network.named_parameters()},
                    moments=learner.state(),
                ),
            )
            save_model(model, output)
            save_image(_state(model.network, samples), output.with_suffix(".png"))
            return model

        with _kept_at_last(keep):
            for learning in run:
                observe(learning)
                if run.seconds - run.kept >= KEEP_EVERY:
                    keep()
                    run.kept = run.seconds
    return Trained(
        output=output,
        picture=output.with_suffix(".png"),
        frames=sum(map(len, groups)),
        steps=learner.steps,
        seconds=run.seconds,
        missing=tuple(run.missing),
        content=run.content,
        early=run.early,
    )


def trained_on(source: Path, options: Options, observe: Observer | None = None) -> Path:
    """The model of a clip, `NAME_model.safetensors` beside it: trained now, where it is not there.

    options: of a render, whose size is that of the training too. Raises what `train` raises.
    """
    path = default_output(source, "_model.safetensors")
    if path.exists():
        with_model(options, load_model(path))  # it says what it was trained with
        return path
    return train([source], path, options, observe=observe).output


def _beginning(begin_with: Path | str, paintings: int, shape: Shape | None) -> Network:
    """A network with the weights it begins with. Raises InputError, UsageError or MachineError."""
    other: Network | None = None
    if begin_with == "base":
        other = load_base()
    elif begin_with != "none":
        other = load_model(Path(begin_with)).network
        shape = shape or other.shape
    torch.manual_seed(0)
    network = Network(replace(shape or Shape(paintings), paintings=paintings))
    if other is not None and not begin(network, other) and begin_with != "base":
        raise UsageError(f"--begin-with {begin_with}: is a network of another size")
    return network


class _Run:
    """The steps of a training within its time; iterate over it.

    seconds: of training so far, those before it included; what is done between steps counts too.
    missing: the style that the mean network lacks at each quarter of this run.
    """

    def __init__(
        self, learner: Learner, samples: Sequence[Sample], limit: float, before: float
    ) -> None:
        self.learner, self.samples, self.limit = learner, samples, limit
        self.first = before
        self.begun = time.monotonic() - before
        self.kept = before
        self.missing: list[float] = []
        self.content = math.nan
        self.early = False
        self._losses: list[float] = []
        # When the rate begins to fall, and when it has fallen.
        self._falls, self._ends = before + FALLS_FROM * (limit - before), limit

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun

    def __iter__(self) -> Iterator[Learning]:
        while (now := self.seconds) < self._ends or not self._losses:
            if (now - self.first) / (self._ends - self.first) >= (len(self.missing) + 1) / 4:
                self._measure()
            figures = self.learner.step(self.samples, self._share(now))
            if not math.isfinite(figures.loss):
                raise DivergedError(
                    f"the loss is not finite at step {self.learner.steps}; the last state that "
                    "was kept is whole: give --precision float32, and the same command again"
                )
            self._losses.append(figures.loss)
            yield Learning(self.learner.steps, self.seconds, self._ends, figures)
            if not self.early and now < self._falls and self._rests():
                self.early = True
                # As long a fall as it would have had, of the time that was needed.
                self._falls = now
                self._ends = min(self.limit, now + (now - self.first) * (1 / FALLS_FROM - 1))
        while len(self.missing) < 4:
            self._measure()

    def _share(self, now: float) -> float:
        """The share of the rate: whole, and then half a cosine down."""
        fallen = min(1.0, max(0.0, (now - self._falls) / (self._ends - self._falls)))
        return LAST_SHARE + (1.0 - LAST_SHARE) * (1.0 + math.cos(math.pi * fallen)) / 2.0

    def _rests(self) -> bool:
        """Whether the loss has stopped falling."""
        losses = self._losses
        if len(losses) < LEAST or len(losses) % LOOK_EVERY:
            return False
        third = len(losses) // 3
        late, early = np.mean(losses[-third:]), np.mean(losses[-2 * third : -third])
        return bool(late > (1.0 - GAINS) * early)

    def _measure(self) -> None:
        """Note what the network that is played lacks now."""
        figures = self.learner.judge(self.samples)
        self.missing.append(figures.style)
        self.content = figures.content


@contextmanager
def _kept_at_last(keep: Callable[[], object]) -> Iterator[None]:
    """Keep the state at the end, and when it is interrupted."""
    try:
        yield
    except DivergedError:
        raise
    except BaseException:
        keep()
        raise
    keep()


def _before(
    output: Path, options: Options, pictures: tuple[Frame, ...], side: int, minutes: float
) -> Model | None:
    """The training that an output holds, to go on with. Raises UsageError or InputError."""
    if not output.exists():
        return None
    elsewhere = "use another --output, or --overwrite to begin anew"
    try:
        model = load_model(output)
    except InputError as error:
        raise UsageError(f"{output}: is there already, and {error}; {elsewhere}") from None
    learned = learned_options(options)
    differ = [name for name, value in learned.items() if model.options.get(name) != value]
    if not model.shows(pictures):
        differ.append("the paintings")
    if model.training.side != side:
        differ.append("max_side")
    if differ:
        raise UsageError(f"{output}: was trained with other {', '.join(differ)}; {elsewhere}")
    if model.training.steps and not model.training.moments:
        raise UsageError(f"{output}: was not kept to go on with; {elsewhere}")
    if model.training.seconds >= 60.0 * minutes:
        done = model.training.seconds / 60.0
        raise UsageError(
            f"{output}: has been trained for {done:.1f} minutes already; give more --minutes to go "
            f"on, or --overwrite to begin anew"
        )
    return model


def learned_options(options: Options) -> dict[str, Any]:
    """The options that a network learns, but for the paintings, as JSON has them."""
    names = marked(Mark.LEARNED) - {"style1", "style2", "more_styles"}
    return options.model_dump(mode="json", include=set(names))


def _learner(model: Model, device: torch.device) -> Learner:
    """A learner that goes on."""
    training, network = model.training, model.network.to(device)
    mean = {n: v.detach().clone() for n, v in network.named_parameters()}
    network.load_state_dict(dict(training.weights))
    moments = {n: tuple(m.to(device) for m in of) for n, of in training.moments.items()}
    return Learner(network, training.steps, mean, moments)


def _samples(
    groups: Sequence[Group], options: Options, vgg: VGG19, pictures: Sequence[Frame]
) -> list[Sample]:
    """What is learned from, with the styles of its size."""
    measured: dict[tuple[int, int], Styles] = {}
    samples: list[Sample] = []
    every = [shown.content for group in groups for shown in group]
    palette = options.paint.keeps_colors
    for group in groups:
        height, width = group[0].content.shape[:2]
        if (width, height) not in measured:
            styles = Styles(vgg, options.paint, pictures, width, height)
            # A network has one palette: that of all it is trained on.
            measured[width, height] = styles.in_colors_of(every) if palette else styles
        styles = measured[width, height]
        calibrations = styles.calibrate(calibration_frames(group))
        for number, whole in enumerate(group):
            shown = window(whole, number)
            faces = styles.faces(shown.content)
            samples.append(Sample(styles, calibrations, shown.content, shown.before, faces))
    return samples


def _scales(samples: Sequence[Sample]) -> tuple[tuple[float, ...], ...]:
    """Of each pair of paintings, w at evenly spaced gammas: the mean over all content."""
    gammas = np.linspace(0.0, 1.0, POINTS)
    pairs = range(samples[0].styles.pairs)
    return tuple(
        tuple(
            float(np.mean([s.styles.mix(Fader(pair, float(g)), s.calibrations) for s in samples]))
            for g in gammas
        )
        for pair in pairs
    )


def _state(network: Network, samples: Sequence[Sample]) -> Frame:
    """A picture of what the network does: a content, each painting alone, and between them."""
    sample = samples[len(samples) // 2]
    styles = sample.styles
    pairs = range(styles.pairs)
    between = [styles.shares(pair, w) for pair in pairs for w in (0.5, 0.0)]
    shares = [styles.shares(0, 1.0), *between]
    painted = [paint_with(network, sample.content, mix).round() for mix in shares]
    return np.hstack([sample.content, *(np.asarray(one, np.uint8) for one in painted)])
