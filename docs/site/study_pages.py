"""Pages of a few shipped studies, to look into, for the gallery of the site; kept in build/."""

from pathlib import Path

import mattis

ROOT = Path(__file__).resolve().parents[2]

NAMES = ("categories", "consolidation-rarity", "survival")
"""Quick studies of three kinds: of about ten seconds each."""


def written(results: Path) -> dict[str, Path]:
    """Return the page of each of these studies by its name, computing what is missing below a folder."""
    here = mattis.Settings(quiet=True, where=mattis.Where(pool="threads"))
    pages = {}
    for name in NAMES:
        study = mattis.load_study(ROOT / "config" / "studies" / f"{name}.yaml")
        mattis.run(study, results, here)
        pages[name] = Path(mattis.write_page(study, results))
    return pages


def linked(gallery: str) -> str:
    """Return the text of the gallery with a link to each of these pages below its figure."""
    for name in NAMES:
        end = f"](gallery/{name}.png)\n"
        assert gallery.count(end) == 1, f"docs/gallery.md: expected one figure of {name}"
        link = f'<a href="../pages/{name}.html">Look into this diagram</a>'
        gallery = gallery.replace(end, f"{end}\n{link}\n")
    return gallery
