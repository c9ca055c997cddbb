"""Draw docs/easings.png: python docs/make_easings.py (needs the extra `plots`)."""

from fractions import Fraction
from pathlib import Path

from matplotlib.figure import Figure

from mnst_video.timeline.clock import Clock
from mnst_video.timeline.easing import NAMES
from mnst_video.timeline.keys import Timeline

SHOWN = ["cubic-bezier(0.8,0,0.2,1)", "steps(4)"]


def main() -> None:
    clock = Clock([Fraction(i, 100) for i in range(101)], Fraction(100))
    names = [NAMES[0], *SHOWN, *NAMES[1:]]
    figure = Figure(figsize=(10.0, 9.0), layout="constrained")
    for axes, name in zip(figure.subplots(5, 6).flat, names, strict=False):
        schedule, _ = Timeline.parse(f"0=0 {name}, end=1").resolve(clock)
        axes.plot([schedule.at(time) for time in clock.times], color="black")
        axes.set_title(name.replace("(", "\n("), fontsize="small")
        axes.set(xticks=[], yticks=[0, 1], ylim=(-0.05, 1.05))
    for axes in figure.axes[len(names) :]:
        axes.remove()
    figure.savefig(Path(__file__).with_name("easings.png"), dpi=70)


if __name__ == "__main__":
    main()
