"""The look of a moment of a clip: a rough picture at once, finer ones while one waits."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from mnst_video.errors import MnstError
from mnst_video.media.clip import Clip
from mnst_video.media.frames import Frame, Picture, faded, resize, working_size
from mnst_video.media.images import load_image
from mnst_video.media.input.near import read_near
from mnst_video.method.vgg import VGG19
from mnst_video.model.file import Model, load_model
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.areas import Masks, aim_of
from mnst_video.painting.brief import Brief
from mnst_video.painting.faces import Faces
from mnst_video.painting.frame import Result, first_frame
from mnst_video.painting.machine import load_network
from mnst_video.painting.palette import Palette
from mnst_video.painting.played import played_frame
from mnst_video.painting.settings import Machine
from mnst_video.painting.styles import Calibrations, Styles, sigma2_of
from mnst_video.plan.analysis import CALIBRATION_FRAMES
from mnst_video.plan.masks import MaskSet, masks_of, near_masks
from mnst_video.plan.setup import with_model
from mnst_video.plan.shots import spread
from mnst_video.stills.moment import Moment
from mnst_video.timeline.fader import Fader

# Steps at half the size between two pictures, and the seconds and steps after which it is left.
SMALL_STEPS, SMALL_SECONDS, MOST_SMALL = 4, 0.6, 24
# Steps at full size after which a picture is shown.
SHOWN_AFTER = (1, 4, 10, 18, 30)
# Longer side of the pictures of a strip, and the steps of its first and of each later one.
STRIP_SIDE, STRIP_STEPS = 96, (10, 5)
Key = TypeVar("Key")
Value = TypeVar("Value")

# More than this many sizes and sets of styles are not kept measured.
MOST_KEPT = 6


class Superseded(Exception):
    """Another moment is wanted: what is begun need not be finished."""


@dataclass(frozen=True)
class Seen:
    """A picture of a moment; steps that were taken for it, and whether it is the last one."""

    frame: Frame
    steps: int
    last: bool


class Looker:
    """Looks at moments of one clip. What was measured and painted last is kept.

    superseded: whether something else is wanted by now; asked after each step.
    """

    def __init__(self, clip: Clip, superseded: Callable[[], bool]) -> None:
        self.clip, self._superseded = clip, superseded
        self._networks: dict[Machine, VGG19] = {}
        self._styles: dict[object, Styles] = {}
        self._measured: dict[object, Calibrations] = {}
        self._pictures: dict[Path, tuple[float, Frame]] = {}
        self._contents: dict[tuple[int, tuple[int, int]], Frame] = {}
        self._models: dict[Path, Model] = {}
        self._last: tuple[object, Picture] | None = None

    def content(self, number: int, size: tuple[int, int]) -> Frame:
        """A frame, or where it is far behind a keyframe one near it. Raises InputError."""
        key = number, size
        if key not in self._contents:
            ((_, frame),) = read_near(self.clip, [number], *size)
            _keep(self._contents, key, frame, 16)
        return self._contents[key]

    def look(self, options: Options, moment: Moment, side: int) -> Iterator[Seen]:
        """Pictures of a moment, (longer side) `side`, each finer than the one before.

        Raises Superseded, or what painting raises.
        """
        options, model = self._with_model(options)
        size = working_size(self.clip.width, self.clip.height, side)
        content = self.content(moment.number, size)
        masks = self._masks(options, moment, size, content)
        cover = masks.paint if masks is not None else None

        def shown(pixels: Picture, steps: int, last: bool) -> Seen:
            painted = np.asarray(pixels.round(), np.uint8)
            return Seen(faded(content, painted, moment.strength, cover), steps, last)

        styles, calibrations = self._measure(options, model, size, content)
        aim = aim_of(styles, calibrations, moment.fader, masks)
        if styles.player is not None:
            result = played_frame(styles, content, aim, callback=self._stop_if_superseded)
            yield shown(result.pixels, result.steps, True)
            return
        faces = styles.faces(content)
        place = (moment.number, size, self._key(options))
        start, taken = content.astype(np.float32), 0
        if self._last is not None and self._last[0] == place:  # only γ has moved
            start = self._last[1]
        else:
            for start, taken in self._begun(options, moment, size, masks):
                yield shown(start, taken, False)
        for before, upto in pairwise((0, *SHOWN_AFTER)):
            result = self._paint(styles, content, aim, start, upto - before, faces, before > 0)
            start, taken = result.pixels, taken + result.steps
            self._last = place, start
            yield shown(start, taken, upto == SHOWN_AFTER[-1])

    def _begun(
        self,
        options: Options,
        moment: Moment,
        size: tuple[int, int],
        masks: Masks | None,
    ) -> Iterator[tuple[Picture, int]]:
        """Pictures of half the size, enlarged, and the steps that were taken for each."""
        half = (max(16, size[0] // 2), max(16, size[1] // 2))
        content = resize(self.content(moment.number, size), *half)
        small, measured = self._measure(options, None, half, content)
        own = masks.resized(*half) if masks is not None else None
        aim = aim_of(small, measured, moment.fader, own)
        pixels = content.astype(np.float32)
        if options.colors != "keep":  # few steps do not reach the colours of the styles
            pixels = aim.blended(lambda part: self._in_colors(content, options, part))
        begun, taken = time.monotonic(), 0
        while not taken or (time.monotonic() - begun < SMALL_SECONDS and taken < MOST_SMALL):
            result = self._paint(small, content, aim, pixels, SMALL_STEPS, (), taken > 0)
            pixels, taken = result.pixels, taken + result.steps
            large = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
            yield np.asarray(large, np.float32).clip(0.0, 255.0), taken

    def _paint(
        self,
        styles: Styles,
        content: Frame,
        aim: Aim,
        start: Picture,
        steps: int,
        faces: Faces,
        later: bool,
    ) -> Result:
        """Some steps from a picture; `later`, smaller ones."""
        paint = styles.paint
        rate = paint.first_rate * (0.6 if later else 1.0)
        able = styles.with_paint(replace(paint, first_rate=rate))
        few = replace(aim, first_steps=steps)
        return first_frame(able, content, few, self._stop_if_superseded, start, faces)

    def strip(self, options: Options, moment: Moment, faders: Sequence[Fader]) -> Iterator[Frame]:
        """Small pictures of a moment over places of the crossfader, each begun at the one before.

        Raises Superseded.
        """
        options, model = self._with_model(options)
        size = working_size(self.clip.width, self.clip.height, STRIP_SIDE)
        content = self.content(moment.number, size)
        styles, calibrations = self._measure(options, model, size, content)
        pixels: Picture | None = None
        for fader in faders:
            aim = aim_of(styles, calibrations, fader, None)
            if styles.player is not None:
                yield played_frame(styles, content, aim).frame
                continue
            steps = STRIP_STEPS[0] if pixels is None else STRIP_STEPS[1]
            if pixels is None:
                keeps = options.colors == "keep"
                pixels = content.astype(np.float32)
                if not keeps:
                    pixels = self._in_colors(content, options, aim)
            result = self._paint(styles, content, aim, pixels, steps, (), False)
            pixels = result.pixels
            yield result.frame

    def balance(self, options: Options, size: tuple[int, int]) -> tuple[float, ...]:
        """σ² of each pair of styles, where they were measured already; else none."""
        found = self._measured.get(self._measured_key(options, size))
        return sigma2_of(options.paint, found) if found is not None else ()

    def _stop_if_superseded(self, *_: object) -> None:
        if self._superseded():
            raise Superseded

    def _with_model(self, options: Options) -> tuple[Options, Model | None]:
        if options.model is None:
            return options, None
        if options.model not in self._models:
            self._models = {options.model: load_model(options.model)}
        model = self._models[options.model]
        return with_model(options, model), model

    def _paintings(self, options: Options, model: Model | None) -> tuple[Frame, ...]:
        return model.paintings if model else tuple(map(self._picture, options.styles))

    def _picture(self, path: Path) -> Frame:
        """A style, read anew where its file has changed."""
        changed = path.stat().st_mtime if path.exists() else -1.0
        kept = self._pictures.get(path)
        if kept is None or kept[0] != changed:
            kept = changed, load_image(path)
            self._pictures[path] = kept
        return kept[1]

    def _key(self, options: Options) -> object:
        """What decides how styles are measured, and what is painted beside γ."""
        stamps = tuple(path.stat().st_mtime if path.exists() else -1.0 for path in options.styles)
        return options.paint, options.styles, stamps, options.model, options.machine

    def _measured_key(self, options: Options, size: tuple[int, int]) -> object:
        return self._key(options), size

    def _measure(
        self, options: Options, model: Model | None, size: tuple[int, int], content: Frame
    ) -> tuple[Styles, Calibrations]:
        """The styles at a size, and their calibration: of the clip, or where colours are kept or σ
        is a shot's of this frame."""
        if options.machine not in self._networks:
            self._networks = {options.machine: load_network(options.machine)}
        network = self._networks[options.machine]
        key = self._measured_key(options, size)
        if key not in self._styles:
            brief = Brief(options.paint, self._paintings(options, model), size)
            if model is not None:
                brief = replace(brief, model=model.network, polish=options.polish)
            _keep(self._styles, key, brief.styles(network), MOST_KEPT)
        styles = self._styles[key]
        if options.paint.by_shot:
            styles = styles.in_colors_of([content])
            return styles, styles.calibrate([content])
        if key not in self._measured:
            try:
                numbers = sorted(spread(0, self.clip.times.frames, CALIBRATION_FRAMES))
                sample = [frame for _, frame in read_near(self.clip, numbers, *size)]
            except MnstError:  # damaged, but not here
                sample = [content]
            self._stop_if_superseded()
            _keep(self._measured, key, styles.calibrate(sample), MOST_KEPT)
        return styles, self._measured[key]

    def _masks(
        self, options: Options, moment: Moment, size: tuple[int, int], content: Frame
    ) -> Masks | None:
        found: MaskSet | None = masks_of(self.clip, options.masks, whole=False)
        if found is None:
            return None
        (picture,) = near_masks(found, self.clip, [moment.share], size, [moment.number], [content])
        return Masks(picture, moment.split)

    def _in_colors(self, content: Frame, options: Options, aim: Aim) -> Picture:
        """A frame in the colours of the two styles of an aim."""
        height, width = content.shape[:2]
        pair = aim.fader.pair
        one, two = (
            Palette.of([resize(self._picture(path), width, height)])
            for path in options.styles[pair : pair + 2]
        )
        return one.mixed(two, aim.w).paint(content).astype(np.float32)


def _keep(kept: dict[Key, Value], key: Key, value: Value, most: int) -> None:
    """Keep a value, and forget the oldest where there are too many."""
    kept[key] = value
    while len(kept) > most:
        del kept[next(iter(kept))]
