"""Make the network that a training begins with, `mnst_video/model/base.safetensors`, of a model.

    mnst-video train PHOTOGRAPHS samples/clip.mp4 --style A --style B … --begin-with none \
        --minutes 60 -o base.safetensors
    python docs/make_base.py base.safetensors "what it was trained on"

What the one that is there was trained on: docs/models.md.
"""

import argparse
from pathlib import Path

from mnst_video.model.base import save_base
from mnst_video.model.file import load_model


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("about")
    arguments = parser.parse_args()
    save_base(load_model(arguments.model).network, arguments.about)


if __name__ == "__main__":
    main()
