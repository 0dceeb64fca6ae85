"""A claim that was measured: the row of it in claims.json, and what a terminal shows of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from mattis.claims.claim import VERDICTS, Claim, ClaimVerdict
from mattis.claims.laboratory import Laboratory, Measurement
from mattis.errors import UserError


@dataclass(frozen=True)
class Judgement:
    """A claim, and what was measured of it."""

    claim: Claim
    found: Measurement
    reduced: bool = False
    """Whether it was measured at a reduced size: a look, not a verdict."""

    @property
    def verdict(self) -> ClaimVerdict:
        """What the measurement says of the claim."""
        return self.claim.verdict(self.found)

    @property
    def row(self) -> dict[str, Any]:
        """The claim as a row of claims.json; null stands where there is no number."""
        claim, z = self.claim, self.claim.z(self.found)
        return {
            "id": claim.id, "claim": claim.says, "source": f"document {claim.place}",
            "stated": claim.stated, "measured": _number(self.found.measured),
            "error": _number(self.found.error), "z": None if z is None else round(z, 2),
            "verdict": self.verdict, "why": self.why,
            "command": f"{claim.command} --reduced" if self.reduced else claim.command,
        }  # fmt: skip

    @property
    def why(self) -> str:
        """The rule of the verdict with its numbers, and what explains it."""
        claim = self.claim
        rules = [f"stated: {claim.rule.told(claim.stated)}"]
        if claim.right is not None:
            rules.append(f"right: {claim.rule.told(claim.right)}")
        if claim.rival is not None:
            rules.append(f"to exclude: {claim.rival:.6g}")
        explained = f" {claim.why}" if claim.why else ""
        size = " at a reduced size" if self.reduced else ""
        return f"Measured {spelled(self.found)}{size} ({'; '.join(rules)}).{explained}"


def _number(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def spelled(found: Measurement) -> str:
    """Write a measurement: 0.1423 ± 0.0021, with two digits of the error."""
    if not found.error > 0 or not isfinite(found.error):
        return f"{found.measured:.6g}"
    digits = max(0, 1 - int(f"{found.error:e}".split("e")[1]))
    if digits > 8 or abs(found.measured) >= 1e6:
        return f"{found.measured:.9g} ± {found.error:.2g}"
    return f"{found.measured:.{digits}f} ± {found.error:.{digits}f}"


def judged(claims: Sequence[Claim], laboratory: Laboratory) -> Iterator[Judgement]:
    """Measure claims one after the other."""
    for claim in claims:
        try:
            found = claim.measure(laboratory)
        except UserError as error:
            raise UserError(f"claim {claim.id}: {error}") from None
        yield Judgement(claim, found, laboratory.reduced)


def tally(judgements: Iterable[Judgement]) -> dict[ClaimVerdict, int]:
    """Count verdicts."""
    count = Counter(judgement.verdict for judgement in judgements)
    return {verdict: count[verdict] for verdict in VERDICTS}
