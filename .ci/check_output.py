"""Check what the README's main job wrote: `python check_output.py INPUT OUTPUT`."""

import json
import sys
from pathlib import Path

import numpy as np

from mnst_video.media.clip import Clip
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe


def main() -> None:
    source, output = (probe(path) for path in sys.argv[1:3])
    assert output.times.frames == source.times.frames, (output.times.frames, source.times.frames)
    assert output.times.fps == source.times.fps, (output.times.fps, source.times.fps)
    assert output.audio == source.audio, (output.audio, source.audio)
    assert (output.width, output.height) == (source.width, source.height)
    record = json.loads(Path(f"{output.path}.mnst.json").read_text())
    assert record["gamma"][0] == 0.0
    assert record["gamma"][-1] == 1.0
    assert record["cuts"] == [48]
    assert not Path(f"{output.path}.mnst").exists()
    # The style's residual that is left in each frame, as a share of the bare content's.
    assert max(frame["style"] for frame in record["frames"]) < 0.1
    assert distance(source, output) > 10.0
    print(f"{output.path}: {output.times.frames} frames, all as it should be")


def distance(a: Clip, b: Clip) -> float:
    """The mean difference of two clips' pixels, 0..255."""
    size = (a.width, a.height)
    pairs = zip(read_frames(a, *size), read_frames(b, *size), strict=True)
    return float(np.mean([np.abs(x.astype(float) - y.astype(float)).mean() for x, y in pairs]))


if __name__ == "__main__":
    main()
