"""The README of a capsule: what it is, how to check it, how to read it without mattis, what to distrust."""

from collections.abc import Sequence

from mattis.capsule.crate import NO_LICENCE, Publication
from mattis.capsule.manifest import PluginSource
from mattis.capsule.versions import Versions
from mattis.study.base import Study
from mattis.words import counted

README = "README.md"
"""The file for people."""


ROUND_FILES = "| `results/{name}/round_000.json` … | which cells each round asked for, and why |\n"
"""The row of a study that is refined."""


def readme(
    study: Study,
    cells: int,
    digest: str,
    publication: Publication,
    versions: Versions,
    plugins: Sequence[PluginSource],
) -> bytes:
    """Return the README of a capsule."""
    model, name = study.described_model, study.name
    rounds = ROUND_FILES.format(name=name) if study.refine else ""
    trust = " --trust" if any(not plugin.module for plugin in plugins) else ""
    text = f"""# {name}: {model.summary}

{counted(cells, "simulated cell")} of the model `{model.name}` ({model.source}).
Digest of all values: `{digest}`.
Authors: {", ".join(publication.authors) or "not stated"}.
Licence: {publication.licence or NO_LICENCE}

## Check it

    mattis reproduce {name}.zip{trust}                  # computes 5 % of the cells again
    mattis reproduce {name}.zip{trust} --sample all     # all of them

The last line says that they are the same to the last bit, or which cells, versions or platforms differ.
Archived with {versions}.
`requirements.txt` has the versions of all packages, `versions.json` their hashes.

## Read it

`results/{name}/diagram.html` opens in a browser. Values need no mattis:

    import xarray
    cells = xarray.open_zarr("zip://results/{name}/sweep.zarr::{name}.zip")

| file | what it is |
|---|---|
| `study/{name}.yaml` | the study: all that numbers depend on, with the files that it names beside it |
| `results/{name}/sweep.zarr` | all cells; `digest` is that of each, `digest_scheme` says how it is made |
{rounds}| `results/{name}/diagram.zarr` | means over pattern sets, with errors |
| `results/{name}/figures/`, `diagram.html` | figures, and the page of the diagram |
| `plugins/` | programs that the study needs, where it needs some |
| `manifest.json` | the SHA-256 of each file, and the digests |
| `versions.json`, `requirements.txt` | Python, the platform, mattis and all packages |
| `ro-crate-metadata.json` | the same for machines, by RO-Crate 1.1 |
{_plugins_text(plugins)}
## What to distrust

Hashes in here show that a file is as it was packed, not who packed it: whoever changes a file can change
its hash. Compare the SHA-256 of the whole zip with one that you have from the authors. Only what is computed
again shows that values are what mattis computes; a sample leaves others out. Figures are not drawn again.
"""
    return text.encode()


def _plugins_text(plugins: Sequence[PluginSource]) -> str:
    """Return the paragraph of plugins: whose they are, as they say it themselves."""
    if not plugins:
        return ""
    rows = "".join(
        f"| {one.name} | {one.package or 'a file'} | `{one.digest:.12}` | {one.licence or 'not stated'} "
        f"| {one.citation or 'not stated'} |\n"
        for one in plugins
    )
    return (
        "\n## Plugins\n\nThese are programs: read them before you run them with `--trust`.\n\n"
        "| plugin | from | SHA-256 | licence | citation |\n|---|---|---|---|---|\n" + rows
    )
