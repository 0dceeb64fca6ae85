"""The reference of the site, written from the code: names of Python, keys, verbs, models, theory, variables.

`python docs/site/reference_pages.py FOLDER` writes them without making the site.
"""

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

import mattis
from mattis import extend
from mattis.cli.command import verbs
from mattis.networks.registry import KINDS

ROOT = Path(__file__).resolve().parents[2]

Pages = dict[str, str]
"""The text of each page by its name."""

BESIDE = {
    "MODELS": "The table of models, by name: [models](models.md). Those of plugins are in it once loaded.",
    "QUANTITIES": "The table of theory, by name: [theory](theory.md).",
    "__version__": "The version of mattis.",
}
"""Names of the package that are values: what they are."""

ELSEWHERE = {"study": "mattis.networks.keywords.study", "theory": "mattis.theory.evaluate"}
"""Names of the package that are packages: what one calls."""

MEMBERS = {"Study": "write, physics"}
"""Of classes that are also there for others to inherit: what a user calls."""


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table of Markdown."""

    def line(cells: Iterable[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    heads = list(heads)
    return "\n".join([line(heads), line("---" for _ in heads), *map(line, rows)]) + "\n"


def code(text: object) -> str:
    """Return a piece of code, or nothing where there is none."""
    return f"`{text}`" if text not in ("", None) else ""


def documented(kind: str, path: str, signature: str = "", members: str | None = None) -> str:
    """Return the directive that shows the docstring of a name."""
    options = "" if members is None else f"\n   :members: {members}"
    return f"```{{eval-rst}}\n.. auto{kind}:: {path}{signature}{options}\n```\n"


def api() -> str:
    """Return the page of the names of the package."""
    parts = ["# Python\n", "```{eval-rst}\n.. automodule:: mattis\n   :no-members:\n```\n"]
    for name in mattis.__all__:
        parts.append(f"## {name}\n")
        path = f"mattis.{name}"
        if name in BESIDE:
            parts.append(BESIDE[name] + "\n")
        elif name in ELSEWHERE:
            called = f"{path}.evaluate" if name == "theory" else path
            parts += [f"One calls `{called}`:\n", documented("function", ELSEWHERE[name])]
        elif name == "UserError":
            parts.append(documented("exception", path))
        elif isinstance(getattr(mattis, name), type):
            signature = "(**keys)" if name == "Study" else ""  # pydantic's has the bounds of all keys in it
            parts.append(documented("class", path, signature, MEMBERS.get(name, "")))
        else:
            parts.append(documented("function", path))
    return "\n".join(parts)


def plugins() -> str:
    """Return the page of the names that a plugin imports."""
    parts = [
        "# Python of plugins\n",
        "Examples: [rules, patterns and models of your own](../extending.md).\n",
    ]
    for name in extend.__all__:
        kind = "class" if isinstance(getattr(extend, name), type) else "function"
        members = "" if kind == "class" else None
        parts += [f"## {name}\n", documented(kind, f"mattis.extend.{name}", "", members)]
    return "\n".join(parts)


def type_of(schema: Mapping[str, Any]) -> str:
    """Return in words what a schema takes."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_of(one) for one in schema["anyOf"]))
    if "const" in schema:
        return code(schema["const"])
    if "enum" in schema:
        return " or ".join(code(one) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if schema.get("type") == "null":
        return "nothing"
    return str(schema.get("type", "a word, or keys"))


def bounds_of(schema: Mapping[str, Any]) -> str:
    """Return the bounds of a number."""
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return ", ".join(f"{sign} {schema[key]}" for key, sign in words.items() if key in schema)


def key_rows(part: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    """Yield a row for each key of a part of a study."""
    for key, schema in part["properties"].items():
        needed = key in part.get("required", ())
        default = schema.get("default")
        usual = "needed" if needed else "" if default is None else code(json.dumps(default))
        taken = ", ".join(filter(None, (type_of(schema), bounds_of(schema))))
        yield code(key), taken, usual, schema.get("description", "")


def keys() -> str:
    """Return the page of the keys of a study, from the schema that editors read."""
    schema = json.loads((ROOT / "config" / "study.schema.json").read_text(encoding="utf-8"))
    kinds = [one["$ref"].rsplit("/", 1)[-1] for one in schema["anyOf"]]
    others = sorted(set(schema["$defs"]) - set(kinds))
    text = ["# Keys of a study\n"]
    text.append("There are four kinds of studies; `model` says which. From `config/study.schema.json`.\n")
    by_kind = {kind.__name__: ", ".join(map(code, kind.models)) for kind in KINDS}
    for name in [*kinds, *others]:
        part = schema["$defs"][name]
        text.append(f"## {name}\n\n{part.get('description', '')}\n")
        if name in by_kind:
            text.append(f"Models: {by_kind[name]}.\n")
        text.append(table(("key", "takes", "if not given", "meaning"), key_rows(part)))
    return "\n".join(text)


def command() -> str:
    """Return the page of the command: the help of each verb, as a terminal shows it."""
    context = click.Context(verbs, info_name="mattis", terminal_width=100, **verbs.context_settings)
    text = ["# The verbs of the command\n", f"```text\n{context.get_help()}\n```\n"]
    for title, section in verbs.sections.items():
        text.append(f"## {title}\n")
        for verb in section:
            name = verb if isinstance(verb, str) else verb.name
            found = verbs.get_command(context, str(name))
            assert found is not None
            inner = click.Context(found, info_name=name, parent=context, terminal_width=100)
            text.append(f"### mattis {name}\n\n```text\n{found.get_help(inner)}\n```\n")
    return "\n".join(text)


def models() -> str:
    """Return the page of models: equation, source, axes, observables, theory."""
    text = ["# Models\n"]
    rows = [(f"[{name}](#{name})", model.summary) for name, model in mattis.MODELS.items()]
    text.append(table(("model", "what it is"), rows))
    for name, model in mattis.MODELS.items():
        text.append(f"## {name}\n\n{model.summary}.\n\n{code(model.equation)}\n\nSource: {model.source}.\n")
        text.append(
            f"Axes: {', '.join(map(code, model.axes))}. Order parameter: {code(model.order_parameter)}.\n"
        )
        if model.theory:
            links = ", ".join(f"[`{one}`](theory.md#{anchor(one)})" for one in model.theory)
            text.append(f"Theory: {links}.\n")
        seen = ((code(o.name), o.units, o.long_name) for o in model.observables)
        text.append(table(("observable", "unit", "meaning"), seen))
    return "\n".join(text)


def anchor(heading: str) -> str:
    """Return the anchor that a forge gives a heading."""
    return heading.lower().replace(".", "")


def theory() -> str:
    """Return the page of the quantities of theory."""
    text = ["# Quantities of theory\n"]
    text.append("`mattis theory NAME --at load=0.05` and `mattis.theory.evaluate` give their values.\n")
    for quantity in mattis.QUANTITIES.values():
        text.append(f"## {quantity.name}\n\n{quantity.meaning}\n")
        rows = [
            ("symbol", code(quantity.symbol)),
            ("equation", code(quantity.equation)),
            ("arguments", ", ".join(map(code, quantity.arguments))),
            ("unit", quantity.units),
            ("source", quantity.source),
            ("holds", quantity.validity),
        ]
        text.append(table(("", ""), rows))
    text.append("## Arguments\n")
    arguments = mattis.theory.ARGUMENTS.values()
    text.append(
        table(("argument", "meaning", "range"), ((code(a.name), a.meaning, a.bound) for a in arguments))
    )
    return "\n".join(text)


def assumptions() -> str:
    """Return the page of what the lines of theory assume: each validity, with the quantities that have it."""
    text = ["# What each line of theory assumes\n"]
    text.append(
        "A line beside a simulation is only as good as what it assumes: how many neurons, which states, which"
        " approximation. Each quantity of `mattis theory` says it, figures name it in their key, and"
        " `diagram.zarr` in the attribute `validity` of what was compared. Deviations that this explains are"
        " no errors of a simulation: [verdicts](../comparing.md).\n"
    )
    text.append("A few words:\n\n" + "\n".join(f"- {word}" for word in WORDS) + "\n")
    by_validity: dict[str, list[str]] = {}
    for quantity in mattis.QUANTITIES.values():
        link = f"[`{quantity.name}`](theory.md#{anchor(quantity.name)}), {quantity.meaning}"
        by_validity.setdefault(quantity.validity, []).append(link)
    for validity, lines in sorted(by_validity.items(), key=lambda one: (-len(one[1]), one[0])):
        text.append(f"**{validity}**\n\n" + "\n".join(f"- {line}" for line in lines) + "\n")
    return "\n".join(text)


WORDS = (
    "*N → ∞* is the limit of many neurons at a fixed load P/N. A network of N neurons differs from it by"
    " terms in 1/N, and near the end of a state by N^(-2/3) ([boundaries](../boundaries.md)).",
    "*Replica symmetric* says that all copies of a network are equally alike. For retrieval that is stable"
    " above `hopfield.T_AT`, which is below T = 0.02, and matters little below it: the largest load, 0.1379,"
    " becomes 0.1382 with one step of breaking. For a spin glass below its T_g it is an approximation.",
    "*Exact at any N* is no limit: what differs from it is chance, or a mistake.",
)
"""What words of the page of assumptions mean."""


SHOWN = {
    "Binary networks": {"model": "hopfield", "load": [0.1, 0.2], "temperature": [0, 0.5], "cues": 2,
                        "sweeps": {"thermalise": 2, "measure": 6}},
    "Memories that drift": {"model": "consolidation", "memories": [4], "kappa": [1.0, 8.0],
                            "presentations": 200},
    "Networks that learn, then recall": {"model": "recall", "load": [0.1], "temperature": [0.2],
                                         "kappa": [4.0], "presentations": 50,
                                         "sweeps": {"thermalise": 2, "measure": 6}},
    "Continuous neurons": {"model": "attention", "memories": [4], "beta": [1.0, 8.0]},
}  # fmt: skip
"""A small study of each kind, whose datasets are shown."""


def variables() -> str:
    """Return the page of the variables of both datasets, of a small study of each kind that is run for it."""
    text = ["# Variables of the datasets\n"]
    text.append(
        "`sweep.zarr` holds cells (`mattis.open_results`), `diagram.zarr` means over seeds"
        " (`mattis.aggregate`). Both are shown of a small study of each kind; other models and questions"
        " have [observables](models.md) of their own.\n"
    )
    here = mattis.Settings(quiet=True, where=mattis.Where(pool="threads"))
    for title, keys_of_study in SHOWN.items():
        with tempfile.TemporaryDirectory() as folder:
            study = mattis.study(size=40, seed=3, name="shown", **keys_of_study)
            mattis.run(study, folder, here)
            cells = mattis.open_results(study, folder).load()
        for name, dataset in (("cells", cells), ("diagram", mattis.aggregate(cells, study))):
            text.append(f"## {title}: {name}\n\nDimensions: {', '.join(map(code, dataset.dims))}.\n")
            rows = [
                (code(key), ", ".join(map(str, one.dims)), one.attrs.get("units", ""),
                 one.attrs.get("long_name", ""))
                for key, one in dataset.variables.items()
            ]  # fmt: skip
            text.append(table(("variable", "over", "unit", "meaning"), rows))
    return "\n".join(text)


def pages() -> Pages:
    """Return every page of the reference."""
    return {
        "api": api(),
        "plugins": plugins(),
        "keys": keys(),
        "verbs": command(),
        "models": models(),
        "theory": theory(),
        "assumptions": assumptions(),
        "variables": variables(),
    }


def write(folder: Path) -> None:
    """Write the pages of the reference; one that is as it was keeps its time, and is not read again."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
