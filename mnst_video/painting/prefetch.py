"""What is done ahead in threads, in order, while a GPU is busy with something else."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def each(
    work: Callable[[Item], Made], items: Iterable[Item], workers: int
) -> Generator[Made, None, None]:
    """`work` of each item, in order, of `workers` items at once."""
    pool, begun = ThreadPoolExecutor(workers), deque[Future[Made]]()
    try:
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) > workers:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def ahead(items: Iterable[Item], count: int = 1) -> Generator[Item, None, None]:
    """The items, made in another thread, up to `count` of them before they are asked for.

    What raises there is raised here. When the generator is closed the thread ends after the item
    that it is at.
    """
    made: Queue[Item | None] = Queue(count)
    closed, failed = Event(), list[BaseException]()

    def make() -> None:
        try:
            for item in items:
                made.put(item)
                if closed.is_set():
                    return
        except BaseException as error:  # whatever it is, it belongs to who asks for the items
            failed.append(error)
        made.put(None)

    thread = Thread(target=make, daemon=True)
    thread.start()
    try:
        while (item := made.get()) is not None:
            yield item
        if failed:
            raise failed[0]
    finally:
        closed.set()
        while thread.is_alive():
            while not made.empty():
                made.get()
            thread.join(0.05)
        if isinstance(items, Generator):
            items.close()
