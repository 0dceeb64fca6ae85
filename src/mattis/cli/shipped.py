"""What is shipped beside the code: the studies of config/studies, and the schema of their keys.

A wheel holds them in the package; where this package runs from its sources, they are in config/.
"""

from pathlib import Path

from mattis.errors import UserError, nearest

PACKED = Path(__file__).parents[1] / "shipped"
"""Where a wheel has them."""


def folder() -> Path:
    """Return the folder of the schema and of studies/."""
    return PACKED if PACKED.is_dir() else Path(__file__).parents[3] / "config"


def names() -> list[str]:
    """Return the names of the shipped studies."""
    return sorted(path.stem for path in (folder() / "studies").glob("*.yaml"))


def study_file(study: str) -> Path:
    """Return the file of a shipped study, or of a study that is a file. Raises UserError for neither."""
    here, known = folder() / "studies" / f"{study}.yaml", names()
    if study in known:
        return here
    if Path(study).suffix in (".yaml", ".yml"):
        return Path(study).expanduser()
    advice = nearest(study, known) or "; for example hopfield"
    raise UserError(
        f"--like: got {study}; expected the path of a study, *.yaml, or one of the "
        f"{len(known)} shipped ones, which Tab lists{advice}"
    )


def schema_line() -> str:
    """Return the line by which editors complete and check the keys of a study."""
    return f"# yaml-language-server: $schema={(folder() / 'study.schema.json').resolve().as_uri()}\n"
