"""The picture on a page, for where scripts are off: that of the figure, in few colours."""

from io import BytesIO

from PIL import Image

COLOURS_OF_PICTURE = 96
"""Enough for a map and its lines; a quarter of the bytes."""


def few_colours(content: bytes | None) -> bytes | None:
    """Return a PNG in few colours; None where there is none, or no picture in it."""
    if content is None:
        return None
    found = BytesIO()
    try:
        whole = Image.open(BytesIO(content)).convert("RGB")
    except OSError:
        return None
    few = whole.quantize(COLOURS_OF_PICTURE, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(found, "PNG")
    return found.getvalue()
