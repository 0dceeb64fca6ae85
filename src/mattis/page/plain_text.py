"""Words of figures without a typesetter: from mathematics between dollars to letters that any page has."""

import re

LETTERS_OF_COMMANDS = {
    "alpha": "α", "beta": "β", "kappa": "κ", "lambda": "λ", "rho": "ρ", "sigma": "σ", "tau": "τ", "xi": "ξ",
    "Delta": "Δ", "Lambda": "Λ", "infty": "∞", "langle": "⟨", "rangle": "⟩", "prime": "′", "to": "→",
    "ln": "ln", "min": "min", "max": "max",
}  # fmt: skip
"""Commands of mathematics that figures use, and the letters that they stand for."""

LOW = str.maketrans("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
"""Letters below the line."""

HIGH = str.maketrans("0123456789+-nT*", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵀ*")
"""Letters above the line."""

MATHEMATICS = re.compile(r"\$([^$]*)\$")
"""A formula between dollars."""

DOTTED = re.compile(r"\\dot\s*\{?(\w)\}?")
"""A letter with a dot above."""

LONGEST_MOVED = 3
"""Letters of a word below or above the line that is written in such letters: longer ones cannot be read."""

ROMAN = re.compile(r"\\mathrm\s*\{(\w+)\}")
"""A word among the letters of a formula."""

COMMAND = re.compile(r"\\([a-zA-Z]+)")
"""A command of mathematics."""

RAISED = re.compile(r"([_^])(?:\{([^}]*)\}|(.))")
"""What stands below or above the line."""


def plain_text(words: str) -> str:
    """Return words with their mathematics in plain letters: `load $\\alpha = P/N$` as load α = P/N."""
    return MATHEMATICS.sub(lambda found: _plain(found[1]), words)


def _plain(mathematics: str) -> str:
    """Return one formula in plain letters."""
    text = DOTTED.sub("\\1\u0307", ROMAN.sub("\\1", mathematics))
    text = COMMAND.sub(lambda found: LETTERS_OF_COMMANDS.get(found[1], found[1]), text)
    return " ".join(RAISED.sub(_moved, text).replace("\\", "").split())


def _moved(found: re.Match[str]) -> str:
    """Return what stands below or above the line in its own letters, if there are such."""
    text = found[2] if found[2] is not None else found[3]
    table = LOW if found[1] == "_" else HIGH
    if len(text) <= LONGEST_MOVED and all(ord(letter) in table for letter in text):
        return text.translate(table)
    short = len(text) == 1
    return f"{found[1]}{text}" if short else f"{found[1]}({text})"
