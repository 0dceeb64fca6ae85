"""What a study wants drawn: the question that its figure answers, and its panels. It changes no number."""

from collections.abc import Collection, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from mattis.errors import nearest
from mattis.study.axes import Misplaced, Part

QuantityName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


def _of_theory(name: str) -> str:
    """Return the name of a quantity of theory: whether there is one is for those who know theory."""
    family, dot, quantity = name.partition(".")
    if not (family and dot and quantity):
        raise ValueError("expected quantities of `mattis theory`, such as hopfield.overlap")
    return name


TheoryName = Annotated[str, AfterValidator(_of_theory)]

MOST_PANELS, MOST_QUANTITIES = 6, 4

AXIS_SPELLINGS = {"temperature": "beta"}
"""Axes that are stored as others: a temperature as beta."""


class PanelBlock(Part):
    """One panel: what is drawn of which quantities, and what of theory stands beside it."""

    word: ClassVar[str] = "quantity"

    quantity: list[QuantityName] = Field(
        description="observables or boundaries, such as overlap or boundary_load",
        min_length=1,
        max_length=MOST_QUANTITIES,
    )
    across: str | None = Field(default=None, description="the axis of the abscissa")
    curves: str | None = Field(default=None, description="the axis with one curve for each value")
    up: str | None = Field(default=None, description="the axis that makes a map of the panel")
    scale: Literal["linear", "log"] = Field(default="linear", description="of the quantity")
    marks: list[TheoryName] | None = Field(
        default=None, description="places of theory on the abscissa; by default those of the model"
    )
    lines: list[TheoryName] | None = Field(
        default=None, description="lines of theory; by default those of the model, [] for none"
    )
    label: str | None = Field(default=None, description="words beside the ordinate", max_length=80)

    @model_validator(mode="before")
    @classmethod
    def _quantity_alone(cls, value: object) -> object:
        return {"quantity": value} if isinstance(value, str) else value

    @field_validator("quantity", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _apart(self) -> "PanelBlock":
        if self.up is not None and self.curves is not None:
            advice = "leave out one of them"
            raise Misplaced("up", f"{self.up} beside curves", "a map or curves, not both", advice)
        named = [name for name in (self.across, self.up or self.curves) if name is not None]
        if len(named) == 2 and stored_axis(named[0]) == stored_axis(named[1]):
            raise Misplaced("across", named[0], "another axis than the other one", "change one")
        return self


class FigureBlock(Part):
    """What the figure of a study shows. It is no part of what is computed, and changes no number."""

    question: str | None = Field(
        default=None, description="what the figure answers, in words", min_length=1, max_length=160
    )
    panels: list[PanelBlock] | None = Field(
        default=None, description="its panels, from left to right", min_length=1, max_length=MOST_PANELS
    )
    size: Literal["single", "double"] | None = Field(
        default=None, description="its width in print: 3.4 or 7.0 inches; by default what panels need"
    )

    def check(
        self,
        quantities: Collection[str],
        axes: Mapping[str, int],
        ends: Mapping[str, str],
        own: Mapping[str, str],
    ) -> None:
        """Raise Misplaced where a panel names a quantity or an axis that the study does not have.

        axes  # how many values each has
        ends  # the axis along which each boundary lies
        own   # the axis that each histogram, and nothing else, has
        """
        for k, panel in enumerate(self.panels or ()):
            where = f"figure.panels[{k}]"
            for name in panel.quantity:
                _named(f"{where}.quantity", name, sorted(quantities), "a quantity of the study")
            boundaries = [name for name in panel.quantity if name in ends]
            apart = boundaries + [name for name in panel.quantity if name in own]
            if apart and (len(panel.quantity) > 1 or panel.up is not None):
                expected = "a boundary by itself" if boundaries else "a histogram by itself"
                advice = "give it a panel of its own, with across and curves"
                raise Misplaced(f"{where}.quantity", apart[0], expected, advice)
            mine = own.get(panel.quantity[0])
            if mine is not None and panel.across not in (None, mine):
                expected = f"{mine}, the axis of {panel.quantity[0]}"
                raise Misplaced(f"{where}.across", str(panel.across), expected, "leave it out")
            for key in ("across", "curves", "up"):
                name = getattr(panel, key)
                if name is None or (key == "across" and name == mine):
                    continue
                _named(f"{where}.{key}", name, list(axes), "an axis of the study")
                if axes[stored_axis(name)] == 1:
                    advice = "leave it out, or give it more values"
                    raise Misplaced(f"{where}.{key}", name, "an axis of several values", advice)
                if boundaries and ends[boundaries[0]] == stored_axis(name):
                    advice = f"it lies along {name} itself"
                    raise Misplaced(f"{where}.{key}", name, f"another axis for {boundaries[0]}", advice)


def stored_axis(name: str) -> str:
    """Return the dimension of the cube that an axis is stored along."""
    return AXIS_SPELLINGS.get(name, name)


def _named(where: str, name: str, known: Collection[str], expected: str) -> None:
    """Raise Misplaced where a name is not known."""
    if stored_axis(name) not in known:
        listed = ", ".join(known)
        raise Misplaced(where, name, expected, f"one of: {listed}{nearest(name, known)}")
