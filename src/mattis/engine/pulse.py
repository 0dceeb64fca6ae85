"""A driver that hangs: a device is asked for a sign of life now and then, and must give it in time.

Kernels may take as long as they need: the sign is that of the driver, beside what the device computes.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mattis.kernels.cuda.backends import DRIVER_PATIENCE
from mattis.kernels.cuda.devices import Device

PULSE = 10.0
"""Seconds between two questions."""


@contextmanager
def in_time(end: Callable[[], object], patience: float = DRIVER_PATIENCE) -> Iterator[None]:
    """Call `end`, from another thread, if what is done in here takes more seconds than these."""
    timer = threading.Timer(patience, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def watched(
    device: Device, end: Callable[[], object], patience: float = DRIVER_PATIENCE, between: float = PULSE
) -> Iterator[None]:
    """Call `end`, from another thread, if the device gives no sign of life in time while this lasts."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(between):
            try:
                with in_time(end, patience):
                    device.streams.ping()
            except Exception:  # whoever computes meets it as well, and knows what it means
                return

    threading.Thread(target=ask, daemon=True).start()
    try:
        yield
    finally:
        over.set()
