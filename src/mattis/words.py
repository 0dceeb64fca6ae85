"""Words beside numbers, as people say them: 1 block, 2 blocks."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which has an s where there is not one of it."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
