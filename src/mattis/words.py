"""Words beside numbers, as people say them: 1 block, 2 blocks, 3 MiB; and texts in one line."""

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which has an s where there is not one of it."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def sized(count: float) -> str:
    """Return a number of bytes as people say it."""
    unit = "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if count < 1000:
            break
        count, unit = count / 1024, larger
    return f"{count:.3g} {unit}"


def some(texts: Sequence[str], most: int, noun: str) -> str:
    """Join texts, of more than so many the first, and say how many there are beside them."""
    more = len(texts) - most
    shown = ", ".join(texts[:most])
    return f"{shown} and {counted(more, f'more {noun}')}" if more > 0 else shown


def one_line(text: object, most: int = 300) -> str:
    """Return a text, such as an error's, in one line of so many characters at most."""
    flat = " ".join(str(text).split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
