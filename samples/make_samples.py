"""Make the sample clip, a mask of it and the four sample style pictures, from nothing but numbers.

    python samples/make_samples.py [--output DIR] [--flow DIR]

The clip has two shots. The first is a landscape of flat layers under a moving camera, the second
is a ray-traced still life. In both, the place of every point in every frame is known exactly, so
`--flow` can also write the true optical flow, with which an estimated flow can be judged. The
sizes, the tempo and the seed are at the top of `drawing/common.py`.
"""

import argparse
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
from drawing.common import (
    CUT,
    FPS,
    FRAMES,
    HEIGHT,
    SEED,
    STYLE_HEIGHT,
    STYLE_WIDTH,
    WIDTH,
    Array,
    Shot,
    pixel_grid,
    reduce,
    to_bytes,
)
from drawing.lake import LakeShot
from drawing.sound import AUDIO_RATE, make_sound
from drawing.styles import STYLES
from drawing.table import TableShot
from numpy.typing import NDArray


def write_clip(path: Path, frames: Sequence[Array], sound: NDArray[np.int16] | None = None) -> None:
    """Encode frames and sound (samples,) as H.264 and AAC; the same input gives the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "sound.wav"
        if sound is not None:
            with wave.open(str(wav), "wb") as file:
                file.setparams((1, 2, AUDIO_RATE, 0, "NONE", ""))
                file.writeframes(sound.tobytes())
        colours = (
            "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+bicubic,format=yuv420p,"
            "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
        )
        source = f"-y -v error -f rawvideo -pix_fmt rgb24 -s {WIDTH}x{HEIGHT} -r {FPS} -i -"
        heard = [] if sound is None else ["-i", str(wav)]
        target = f"""-vf {colours} -c:v libx264 -preset slow -crf 16 -threads 1 -c:a aac -b:a 128k
            -map_metadata -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact
            -movflags +faststart"""
        command = [imageio_ffmpeg.get_ffmpeg_exe(), *source.split(), *heard, *target.split()]
        pixels = b"".join(to_bytes(frame).tobytes() for frame in frames)
        subprocess.run([*command, str(path)], input=pixels, check=True)


def write_styles(folder: Path) -> None:
    """Paint the four style pictures and write them as JPEG."""
    for i, (name, make) in enumerate(STYLES.items()):
        picture = make(np.random.default_rng([SEED, 10 + i])).astype(np.float32)
        pixels = to_bytes(reduce(picture, STYLE_WIDTH, STYLE_HEIGHT))[..., ::-1]
        cv2.imwrite(str(folder / f"{name}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 93])


def write_flow(folder: Path, frames: Sequence[Array], shots: Sequence[tuple[int, Shot]]) -> None:
    """Write the true backward flow and its mask for each frame but the first.

    `flow_0001.npy` is float32 (height, width, 2): what pixel p of frame 1 shows was at p + flow in
    frame 0, in pixels (x, y). `valid_0001.npy` is bool (height, width): it could be seen there.
    `shots` holds the first frame of each shot. Prints how well the moved frames agree.
    """
    grid = pixel_grid(1)
    errors, still = [], []
    for t in range(1, len(frames)):
        flow, valid = np.zeros_like(grid), np.zeros(grid.shape[:2], bool)
        start, shot = next(pair for pair in reversed(shots) if pair[0] <= t)
        if t > start:
            source, seen = shot.back(t - start, grid)
            inside = (source >= 0) & (source <= (WIDTH - 1, HEIGHT - 1))
            flow, valid = (source - grid).astype(np.float32), seen & inside.all(-1)
            moved = cv2.remap(frames[t - 1], source[..., 0], source[..., 1], cv2.INTER_CUBIC)
            errors.append(np.abs(moved - frames[t])[valid].mean() * 255)
            still.append(np.abs(frames[t - 1] - frames[t])[valid].mean() * 255)
        np.save(folder / f"flow_{t:04d}.npy", flow)
        np.save(folder / f"valid_{t:04d}.npy", valid)
    print(f"flow: mean error {np.mean(errors):.2f} of 255 ({np.mean(still):.2f} without moving)")


def main() -> None:
    """Read the command line and write the samples."""
    parser = argparse.ArgumentParser(description="Make the sample clip and style pictures.")
    here = Path(__file__).resolve().parent
    parser.add_argument("--output", type=Path, default=here, help="folder for the samples")
    parser.add_argument("--flow", type=Path, help="folder for the clip's true optical flow")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    write_styles(options.output)
    lake = LakeShot(np.random.default_rng([SEED, 0]))
    table = TableShot(np.random.default_rng([SEED, 1]))
    frames = [lake.picture(t) for t in range(CUT)]
    frames += [table.picture(t) for t in range(FRAMES - CUT)]
    sound = make_sound(np.random.default_rng([SEED, 2]))
    write_clip(options.output / "clip.mp4", frames, sound)
    masks = [lake.subject(t) for t in range(CUT)]
    masks += [table.subject(t) for t in range(FRAMES - CUT)]
    write_clip(options.output / "mask.mp4", [np.dstack([mask] * 3) for mask in masks])
    if options.flow:
        options.flow.mkdir(parents=True, exist_ok=True)
        write_flow(options.flow, frames, [(0, lake), (CUT, table)])


if __name__ == "__main__":
    main()
