"""What the interpreter refuses."""


class PtxError(RuntimeError):
    """Text that the interpreter does not know, or a launch that a GPU would not survive unharmed."""


class AccessError(Exception):
    """What one thread did wrong: the one at `position` among those that took part; later, its number."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.position = position
        self.thread: int | None = None
