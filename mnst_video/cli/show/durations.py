"""Durations and times as people read them."""


def minutes(seconds: float) -> str:
    """Seconds as 0:07 or 1:02:03."""
    minutes, second = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes}:{second:02}"


def clock_time(seconds: float) -> str:
    """Seconds as 0:07.25."""
    thousandths = round(abs(seconds) * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    text = f"{rest / 1000:06.3f}".rstrip("0").rstrip(".")
    return f"{'-' if seconds < 0 and thousandths else ''}{minutes}:{text}"
