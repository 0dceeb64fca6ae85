"""A study: one YAML file, one phase diagram. Validated, frozen, one clear error per mistake.

`python -m mattis.study` prints the JSON schema that `config/study.schema.json` holds.
"""

import json
import reprlib
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, StrictFloat, StrictInt, field_validator, model_validator

from mattis.axes import Axes, Misplaced, Part, patterns_of
from mattis.document import read_document, validated, written
from mattis.errors import nearest
from mattis.models import MODELS, Model, Protocol

LARGEST_STUDY = 10**8
"""Cells of a study at most: the labelled cube of a larger one fits no machine's memory."""

LARGEST_NOISE = 2**27
"""N T must stay below this for the integer thermal noise, at most 8.4 N T, to fit 32 bits."""

StudyName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class Sweeps(Part):
    """How long a chain is, in sweeps of N proposals."""

    thermalise: StrictInt = Field(default=100, ge=0, le=2**31, description="sweeps thrown away")
    measure: StrictInt = Field(default=200, ge=2, le=2**31, description="sweeps averaged over")


class Study(Part):
    """What to compute: science only. Where and how fast is for the command line and profiles."""

    name: StudyName = Field(description="names the folder of the results")
    model: str = Field(default="hopfield", description="a model of `mattis models`")
    axes: Axes
    sweeps: Sweeps = Field(default=Sweeps(), description="sweeps of a chain")
    cues: StrictInt = Field(
        default=1, ge=1, description="stored patterns asked for per pattern set, a replica each"
    )
    retrieved_above: StrictFloat = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="a cue counts as retrieved if its mean overlap is above",
    )
    root_seed: StrictInt = Field(
        default=1, ge=0, lt=2**64, description="changes every random number of the study"
    )

    @field_validator("model")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in MODELS:
            known = ", ".join(MODELS)
            raise ValueError(f"expected one of: {known}{nearest(value, MODELS)}")
        return value

    @model_validator(mode="after")
    def _stored(self) -> Self:
        """Check P at two corners of the grid: it grows with both, and a grid may have 10^12 points."""
        loads, sizes = self.axes.load, self.axes.size
        load, size = min(loads), min(sizes)
        patterns = patterns_of(load, size)
        if patterns < self.cues:
            raise Misplaced(
                "cues",
                f"{reprlib.repr(self.cues)}, but axes.load[{loads.index(load)}] = {load:g} "
                f"at size {size} stores P = {patterns} patterns",
                "at most as many cues as patterns",
                "use fewer cues or a larger load",
            )
        load, size = max(loads), max(sizes)
        fault = self.described_model.check(size, patterns_of(load, size))
        if fault:
            where = f"axes.load[{loads.index(load)}]"
            raise Misplaced(where, f"{load:g} at size {size}", "a smaller system", fault)
        return self

    @model_validator(mode="after")
    def _possible(self) -> Self:
        a = self.axes
        cells = len(a.size) * len(a.load) * len(a.betas) * len(a.noise) * len(a.seed)
        if cells > LARGEST_STUDY:
            advice = "split it into several studies"
            raise Misplaced("axes", f"{cells} cells", f"at most {LARGEST_STUDY} of them", advice)
        size, hottest = max(self.axes.size), max(self.axes.temperatures)
        if size * hottest > LARGEST_NOISE:
            raise Misplaced(
                "axes.temperature",
                f"{hottest:g} at size {size}",
                "N × T below 2^27, so that the integer noise fits 32 bits",
                "use a lower temperature or a smaller size",
            )
        return self

    @property
    def described_model(self) -> Model:
        """The row of the table of models that `model` names."""
        return MODELS[self.model]

    @property
    def protocol(self) -> Protocol:
        """How each cell is measured."""
        return Protocol(
            self.sweeps.thermalise, self.sweeps.measure, self.cues, float(self.retrieved_above)
        )

    def physics(self) -> dict[str, Any]:
        """Return what may not change under a store: everything but the name and the axes."""
        content = self.model_dump(mode="json", exclude={"name", "axes"})
        return content | {"numbers": self.described_model.numbers}

    def to_yaml(self) -> str:
        """Return the study as YAML that reads back as the same study."""
        content = self.model_dump(mode="json", exclude_none=True)
        content["axes"] = self.axes.model_dump(exclude_none=True)
        content["axes"] = {key: list(values) for key, values in content["axes"].items()}
        return written(content)


def load_study(path: Path | str) -> Study:
    """Read and check a study. Raises UserError: one line with the file, the place and the remedy."""
    path = Path(path)
    return validated(Study, read_document(path), f"study {path.name}")


def schema() -> str:
    """Return the JSON schema of a study."""
    return json.dumps(Study.model_json_schema(by_alias=True), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema(), end="")
