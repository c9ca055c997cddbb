"""How near deinterlaced frames come to the progressive ones that they were made of.

    python benchmarks/deinterlacing.py

The sample clip is put on interlaced video in three ways: fields of two moments, film whose frames
last two and three fields in turn, and progressive frames that are only said to be interlaced. Each
is read with each chain of filters; of every frame the PSNR to the nearest true one is taken.
"""

import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from mnst_video.media.frames import Frame
from mnst_video.media.input import convert
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe

SAMPLE = Path(__file__).parents[1] / "samples/clip.mp4"
SIZE = (320, 180)
FIELDS = ("-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ilme+ildct", "-r", "30000/1001")
# ffmpeg's filters from the progressive clips, at 59.94 and 23.976 frames a second.
WAYS = {
    "fields of two moments": ("fast", "interlace=scan=tff:lowpass=0,setfield=tff"),
    "film, two and three fields": ("film", "telecine=first_field=top:pattern=23,setfield=tff"),
    "progressive, said to be interlaced": ("film", "fps=30000/1001,setfield=tff"),
}
CHAINS = {
    "bwdif": (("bwdif", "mode=send_frame:deint=all"),),
    "fieldmatch and bwdif": convert.DEINTERLACE,
}


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    subprocess.run([*command, *map(str, arguments)], check=True)


def frames(path: Path) -> list[Frame]:
    return list(read_frames(probe(path), *SIZE))


def psnr(one: Frame, other: Frame) -> float:
    error = np.square(one.astype(np.float64) - other).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = f"scale={SIZE[0]}:{SIZE[1]},setsar=1"
        moving = f"{small},minterpolate=fps=60000/1001:mi_mode=mci"
        lossless = ("-an", "-c:v", "ffv1")
        film = ("-vf", f"{small},setpts=N*1001/24000/TB", "-r", "24000/1001")
        ffmpeg("-i", SAMPLE, "-t", 1.9, *film, *lossless, folder / "film.mkv")
        ffmpeg("-i", SAMPLE, "-t", 1.9, "-vf", moving, *lossless, folder / "fast.mkv")
        print("| | " + " | ".join(CHAINS) + " |\n| --- |" + " --- |" * len(CHAINS))
        for way, (source, filters) in WAYS.items():
            made, row = folder / "made.ts", []
            ffmpeg("-i", folder / f"{source}.mkv", "-vf", filters, *FIELDS, made)
            true = frames(folder / f"{source}.mkv")
            for chain in CHAINS.values():
                convert.DEINTERLACE = chain
                nearest = [max(psnr(frame, t) for t in true) for frame in frames(made)[1:-1]]
                row.append(f"{np.mean(nearest):.1f} dB, {min(nearest):.1f} at least")
            print(f"| {way} | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
