"""Masks as text, and what is made of a picture itself."""

from pathlib import Path

import numpy as np
import pytest

from mnst_video.media.input.keying import in_range, keyed, luminance, people
from mnst_video.media.input.mask_source import MaskOptions, MaskSource
from mnst_video.timeline.wipe import Wipe


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("m.png", MaskSource("file", Path("m.png"))),
        ("a folder/m [2].mp4", MaskSource("file", Path("a folder/m [2].mp4"))),
        ("m.%04d.png[short=loop]", MaskSource("file", Path("m.%04d.png"), short="loop")),
        ("alpha[invert]", MaskSource("alpha", invert=True)),
        ("luma:0.2-0.8", MaskSource("luma", low=0.2, high=0.8)),
        ("key:#00ff00,30", MaskSource("key", color="#00ff00", tolerance=30.0)),
        ("key:green", MaskSource("key", color="green")),
        ("person[mode=multiply,blur=0.01]", MaskSource("person", mode="multiply", blur=0.01)),
        ("m.png[channel=alpha]", MaskSource("file", Path("m.png"), channel="alpha")),
    ],
)
def test_masks_as_text(text, source):
    assert MaskSource.parse(text) == source
    assert MaskSource.parse(str(source)) == source


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "nothing is given"),
        ("luma", "lacks what it takes"),
        ("luma:0.8-0.2", "from a lower to a higher"),
        ("luma:a-b", "write luma:0.2-0.8"),
        ("key:grean", "no colour"),
        ("key:green,x", "not a number"),
        ("key:green,0", "tolerance"),
        ("m.png[mde=multiply]", "did you mean mode"),
        ("m.png[mode=add]", "write mode=multiply"),
        ("m.png[short=stop]", "write short=hold"),
        ("m.png[channel=red]", "write channel=alpha"),
        ("m.png[invert=1]", "invert is given once"),
        ("m.png[mode]", "mode is given once"),
        ("m.png[blur=wide]", "write blur=0.01"),
        ("m.png[blur=2]", "blur is a share"),
        ("person[short=hold]", "are of files"),
    ],
)
def test_wrong_masks_say_what_to_type(text, hint):
    with pytest.raises(ValueError, match=hint):
        MaskSource.parse(text)


def test_what_becomes_of_gamma():
    source = MaskSource.parse("m.png[mode=multiply]")
    assert MaskOptions(gamma_mask=source).mode == "multiply"
    assert MaskOptions(wipe=Wipe("left")).mode == "wipe"
    assert MaskOptions(strength_mask=source).mode == MaskOptions().mode == "none"
    assert not MaskOptions(softness=0.5).any
    assert MaskOptions(strength_mask=source).paths == (Path("m.png"),)


def test_grey_is_read_linearly():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(luminance(np.dstack([grey] * 3)), grey)


def test_a_range_of_luminance_is_white_with_soft_edges():
    grey = np.dstack([np.arange(256, dtype=np.uint8).reshape(16, 16)] * 3)
    middle = in_range(grey, 0.25, 0.75).ravel()
    assert middle[70:185].min() == 255
    assert middle[:58].max() == middle[198:].max() == 0
    assert 0 < middle[64] < 255
    assert in_range(grey, 0.0, 1.0).min() == 255
    assert in_range(grey, 0.0, 0.5).ravel()[0] == 255
    assert in_range(grey, 0.5, 1.0).ravel()[255] == 255


def test_a_key_takes_a_colour_in_light_and_shade():
    shown = np.array(
        [[(0, 255, 0), (0, 200, 0), (0, 230, 20), (200, 150, 130), (255, 255, 255), (0, 0, 255)]],
        np.uint8,
    )
    assert keyed(shown, "#00ff00", 40.0).tolist() == [[0, 0, 0, 255, 255, 255]]


def test_people_are_white(portrait):
    mask = people(portrait)
    assert mask.shape == portrait.shape[:2]
    height, width = mask.shape
    assert mask[height // 4 : height // 2, 55:75].mean() > 230
    assert mask[height // 10, width - 12] < 20
    assert people(np.full((40, 60, 3), 90, np.uint8)).mean() < 60
