"""What is shown of a training."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from mnst_video.cli.show.durations import minutes
from mnst_video.cli.show.progress import LOOKING_INTERVAL, PLAIN_INTERVAL, Style
from mnst_video.job.events import Looking
from mnst_video.training.train import Learning, Trained


@contextmanager
def training_display(
    style: Style, console: Console
) -> Iterator[Callable[[Looking | Learning], None]]:
    """Shows the events of a training: call it with each.

    `auto` is a bar on a terminal, and nothing elsewhere.
    """
    said = time.monotonic()
    interval = LOOKING_INTERVAL if style == "json" else PLAIN_INTERVAL

    def tell(event: Looking | Learning) -> None:
        nonlocal said
        if style not in ("json", "plain") or time.monotonic() - said < interval:
            return
        said = time.monotonic()
        line = json.dumps(_as_json(event)) if style == "json" else _line(event)
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    if style != "auto":
        yield tell
        return
    columns = TextColumn("{task.description}"), BarColumn()
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task("looking at the content", total=None)

        def update(event: Looking | Learning) -> None:
            if isinstance(event, Looking):
                bar.update(task, completed=event.looked, total=event.frames)
            else:
                now = min(event.seconds, event.limit)
                bar.update(task, description=_line(event), completed=now, total=event.limit)

        yield update


def _line(event: Looking | Learning) -> str:
    if isinstance(event, Looking):
        return f"looking at the content: {event.looked} of {event.frames}"
    figures = event.figures
    return (
        f"step {event.step}, style {figures.style:.3f}, content {figures.content:.3f}, "
        f"{minutes(max(0.0, event.limit - event.seconds))} left"
    )


def _as_json(event: Looking | Learning) -> dict[str, object]:
    if isinstance(event, Looking):
        return {"event": "look", "done": event.looked, "total": event.frames}
    figures = event.figures
    return {
        "event": "learn",
        "step": event.step,
        "seconds": round(event.seconds, 3),
        "limit": event.limit,
        "style": figures.style,
        "content": figures.content,
        "temporal": figures.temporal,
    }


def training_report(done: Trained) -> Iterator[str]:
    """What came of a training, and what more of it would bring."""
    yield f"a picture of it: {done.picture}"
    first, half, third, last = done.missing
    yield (
        f"of the style {last:.3f} is missing (after a quarter of the time {first:.3f}, half "
        f"{half:.3f}, three quarters {third:.3f}); content is off by {done.content:.2f}"
    )
    if done.early:
        yield "it stopped early, as it gained nothing more"
    else:
        again = done.after_as_much_again
        yield f"as much time again would bring it to about {again:.3f}: give more --minutes"
