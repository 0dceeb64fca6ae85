"""A claim of a document: what it states, how that is measured, and the rule that judges it.

A verdict is computed, never written down:

    reproduced     the measurement agrees with what is stated, and excludes what rivals it
    corrected      it excludes what is stated, and agrees with the right form
    not supported  neither, or it cannot tell the two apart
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from mattis.claims.laboratory import Laboratory, Measurement

ClaimVerdict = Literal["reproduced", "corrected", "not supported"]
"""What is said of a claim."""

VERDICTS: tuple[ClaimVerdict, ...] = ("reproduced", "corrected", "not supported")
"""Verdicts, the best news first."""

AGREEING_ERRORS = 4.0
"""Standard errors within which a measurement agrees."""


@dataclass(frozen=True)
class Near:
    """AgreementRule with a number: |measured - number| <= tolerance + 4 errors.

    tolerance  # what the claim leaves open: digits that are printed, "about", terms in 1/N
    """

    tolerance: float = 0.0

    def agrees(self, found: Measurement, number: float) -> bool:
        """Tell whether a measurement agrees with a number."""
        return abs(found.measured - number) <= self.tolerance + AGREEING_ERRORS * found.error

    def told(self, number: float) -> str:
        """Return the rule in words."""
        return f"{number:.6g}" + (f" within {self.tolerance:.2g} and 4 errors" if self.tolerance else "")


@dataclass(frozen=True)
class AtMost:
    """AgreementRule with an upper bound: measured <= number + 4 errors."""

    def agrees(self, found: Measurement, number: float) -> bool:
        """Tell whether a measurement agrees with a bound."""
        return found.measured <= number + AGREEING_ERRORS * found.error

    def told(self, number: float) -> str:
        """Return the rule in words."""
        return f"at most {number:.6g}"


@dataclass(frozen=True)
class AtLeast:
    """AgreementRule with a lower bound: measured >= number - 4 errors."""

    def agrees(self, found: Measurement, number: float) -> bool:
        """Tell whether a measurement agrees with a bound."""
        return found.measured >= number - AGREEING_ERRORS * found.error

    def told(self, number: float) -> str:
        """Return the rule in words."""
        return f"at least {number:.6g}"


ROUNDING_ERROR = 1e-6
"""Relative error below which a measurement is exact: more seeds would not show more of it."""

AgreementRule = Near | AtMost | AtLeast
"""Rules by which a measurement agrees with a number."""

Measure = Callable[[Laboratory], Measurement]
"""An experiment: what is measured, with its error."""


@dataclass(frozen=True)
class Claim:
    """One statement of a document, and its experiment.

    id        # as in the catalogue; a letter tells parts apart: H7a
    document  # which of DOCUMENTS it stands in
    place     # where in it, as people look for it: "eq. (2.2)", "section Capacity"
    says      # the statement, one sentence, with the symbol of what is measured
    stated    # the number that the document states, or what its words amount to
    measure   # the experiment
    rule      # how near is near
    right     # the right form, where the document is in error
    rival     # a number that the measurement has to exclude: another sign, a factor of 2, chance
    why       # why the verdict is what it is expected to be, one or two sentences
    needs     # a package that is optional, without which it cannot be measured
    """

    id: str
    document: str
    place: str
    says: str
    stated: float
    measure: Measure
    rule: AgreementRule = Near()
    right: float | None = None
    rival: float | None = None
    why: str = ""
    needs: str = ""

    @property
    def command(self) -> str:
        """What repeats the measurement alone."""
        return f"mattis claims {self.id}"

    def verdict(self, found: Measurement) -> ClaimVerdict:
        """Return what a measurement says of the claim."""
        if not isfinite(found.measured) or not isfinite(found.error):
            return "not supported"
        if self.right is not None:
            stated, right = (self.rule.agrees(found, one) for one in (self.stated, self.right))
            if stated == right:  # none of the two, or it cannot tell them apart
                return "not supported"
            return "corrected" if right else "reproduced"
        excluded = self.rival is None or not self._near(found, self.rival)
        return "reproduced" if self.rule.agrees(found, self.stated) and excluded else "not supported"

    def _near(self, found: Measurement, number: float) -> bool:
        """Tell whether a rival number is not excluded."""
        tolerance = self.rule.tolerance if isinstance(self.rule, Near) else 0.0
        return Near(tolerance).agrees(found, number)

    def z(self, found: Measurement) -> float | None:
        """Return how many errors lie between measured and stated; None where errors are rounding."""
        if not found.error > ROUNDING_ERROR * abs(found.measured) or not isfinite(found.measured):
            return None
        return (found.measured - self.stated) / found.error
