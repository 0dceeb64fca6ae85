"""The table of claims: all of them, sorted by document and equation, and those that a user asks for."""

import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from types import MappingProxyType

from mattis.claims.claim import Claim
from mattis.claims.continuous import CONTINUOUS_CLAIMS
from mattis.claims.disorder import DISORDER_CLAIMS
from mattis.claims.drifting import DRIFTING_CLAIMS
from mattis.claims.errata import ERRATA_CLAIMS
from mattis.claims.hopfield import HOPFIELD_CLAIMS
from mattis.claims.mixtures import MIXTURE_CLAIMS
from mattis.claims.notebooks import NOTEBOOK_CLAIMS
from mattis.claims.pictures import PICTURE_CLAIMS
from mattis.claims.spectra import SPECTRUM_CLAIMS
from mattis.claims.stochastic import STOCHASTIC_CLAIMS
from mattis.errors import UserError, nearest

DOCUMENTS: Mapping[str, str] = MappingProxyType(
    {
        "hopfield": "Hopfield (1982), as document 001 tells it",
        "statistical": "Amit, Gutfreund & Sompolinsky (1985), as document 001 tells it",
        "lotito": "Lotito (2025), document 000",
        "errata": "Errors and ambiguities of both documents",
        "notebooks": "The code and notebooks beside the documents",
    }
)
"""Documents and their titles, in the order of the page."""

FAMILIES = (
    HOPFIELD_CLAIMS, STOCHASTIC_CLAIMS, MIXTURE_CLAIMS, DISORDER_CLAIMS, CONTINUOUS_CLAIMS, SPECTRUM_CLAIMS,
    DRIFTING_CLAIMS, ERRATA_CLAIMS, NOTEBOOK_CLAIMS, PICTURE_CLAIMS,
)  # fmt: skip
"""Claims by the file that measures them."""


def _in_order(document: str) -> list[Claim]:
    """Return the claims of a document: kinds of identifiers as they appear, each by number and letter."""
    found = [claim for family in FAMILIES for claim in family if claim.document == document]
    kinds = list(dict.fromkeys(_parts(claim.id)[0] for claim in found))

    def place(claim: Claim) -> tuple[int, int, str]:
        kind, number, letter = _parts(claim.id)
        return kinds.index(kind), int(number or 0), letter

    return sorted(found, key=place)


def _parts(name: str) -> tuple[str, str, str]:
    """Return the kind, number and letter of an identifier: eq, 22, a."""
    parts = re.fullmatch(r"([A-Za-z]*?[A-Z]?|[a-z]+?)(\d*)([a-z]?)", name)
    if parts is None:
        raise ValueError(f"{name}: expected letters, a number, and perhaps a letter")
    kind, number, letter = parts.groups()
    return kind, number, letter


CLAIMS: Mapping[str, Claim] = MappingProxyType(
    {claim.id: claim for document in DOCUMENTS for claim in _in_order(document)}
)
"""All claims by their identifiers."""


def asked(names: Sequence[str]) -> list[Claim]:
    """Return claims by their identifiers, all if none is named: H7 is H7a, H7b, …, (22) an equation.

    Raises UserError for what no claim has.
    """
    wanted: dict[str, Claim] = {}
    for name in names:
        found = {one: claim for one, claim in CLAIMS.items() if _is_named(name, claim)}
        if not found:
            raise UserError(
                f"no claim {name!r}; expected one of H7, E4, eq12, … or an equation such as '(22)' "
                f"(mattis claims --list has all){nearest(name, CLAIMS)}"
            )
        wanted |= found
    return list(wanted.values()) if names else list(CLAIMS.values())


def _is_named(name: str, claim: Claim) -> bool:
    """Tell whether a claim has this identifier, is a part of it, or is of this equation."""
    if name.startswith("("):
        return name in _equations(claim.place)
    return re.fullmatch(f"{re.escape(name)}[a-z]?", claim.id) is not None


def _equations(place: str) -> set[str]:
    """Return the equations of a place: (2.2), and all of (28)-(30)."""
    found = set(re.findall(r"\([\d.]+\)", place))
    for first, last in re.findall(r"\((\d+)\)-\((\d+)\)", place):
        found |= {f"({k})" for k in range(int(first), int(last) + 1)}
    return found


def check_needs(claims: Sequence[Claim]) -> None:
    """Raise UserError, before anything is measured, where a package is missing that claims need."""
    for package in {claim.needs for claim in claims} - {""}:
        if find_spec(package.replace("scikit-learn", "sklearn")) is None:
            those = ", ".join(claim.id for claim in claims if claim.needs == package)
            raise UserError(
                f'claims {those} need {package}, which is not installed; pip install "mattis[examples]", '
                "or name other claims"
            )
