"""`mattis reproduce`: a capsule checked against its manifest, and cells of it computed again, bit by bit."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import xarray as xr

from mattis import plugins
from mattis.capsule.reproduction import DifferingCell, Reproduction
from mattis.capsule.sample import SEEDS_UP_TO, chosen_cells, sample_size
from mattis.capsule.unpacking import Unpacked, unpacked
from mattis.capsule.versions import versions_here
from mattis.engine import dispatch, estimate, status
from mattis.engine.cluster import Where
from mattis.engine.progress import Reporter, reporter
from mattis.errors import Fault, UserError
from mattis.exact.arrays import Mask
from mattis.networks.registry import load_study
from mattis.plugins import Plugin
from mattis.store import reading, record, rounds
from mattis.store.place import Place
from mattis.store.results import results_of
from mattis.store.verify import differences_of_block, verify
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import Columns
from mattis.study.plan import Block
from mattis.surroundings import expanded
from mattis.words import one_line


def reproduce(
    path: Path | str,
    sample: str = "5%",
    *,
    seed: int | None = None,
    workers: int | None = None,
    trust: bool = False,
    into: Path | str | None = None,
    quiet: bool = False,
) -> Reproduction:
    """Check a capsule, and compute cells of it again, here and with what is installed.

    Parameters
    ----------
    path
        The file that `mattis archive` wrote.
    sample
        Which cells: a random share such as `5%`, a number of them, or `all`.
    seed
        Of the sample; a random one if None. The same seed chooses the same cells on every machine.
    workers
        Processes; as many as there are cores if None.
    trust
        Whether programs that the capsule brings, its plugins, may be executed.
    into
        An empty folder to unpack into, which stays; a temporary one, which does not, if None.
    quiet
        Whether nothing is said of how far it is.

    Raises
    ------
    UserError
        The capsule is damaged or not as it was written, brings plugins that are not trusted, or its
        cells cannot be computed by this mattis.

    Examples
    --------
    >>> print(mattis.reproduce("mine.zip", "20", seed=1).sentence)
    """
    source = expanded(path)
    with unpacked(source, expanded(into) if into is not None else None) as capsule:
        try:
            with trusted_plugins(capsule, trust):
                return _reproduced(capsule, sample, seed, workers, quiet)
        except (UserError, Fault) as error:  # of files in a folder that nobody knows
            error.args = (str(error).replace(f"{capsule.folder}", str(source)),)
            raise


@contextmanager
def trusted_plugins(capsule: Unpacked, trust: bool) -> Iterator[None]:
    """Load the plugins of a capsule for a while, if they are trusted.

    Raises UserError for plugins in files that are not, and for installed ones that are not here.
    """
    wanted = [_plugin(capsule, number) for number in range(len(capsule.manifest.plugins))]
    programs = [plugin for plugin in wanted if plugin.text]
    if programs and not trust:
        names = ", ".join(f"{each.name} ({each.digest:.12})" for each in programs)
        raise UserError(
            f"{capsule.source}: it brings plugins, which are programs: {names}; read them in its folder "
            "plugins, and add --trust if you want them to be executed here"
        )
    before = {each.name: each for each in plugins.loaded()}
    try:
        plugins.ensure(wanted)
        yield
    finally:
        plugins.forget(each.name for each in wanted)
        plugins.ensure(before[each.name] for each in wanted if each.name in before)


def _plugin(capsule: Unpacked, number: int) -> Plugin:
    """Return a plugin of a capsule: from its file, or as it is installed here."""
    told = capsule.manifest.plugins[number]
    if told.module:
        return Plugin(told.name, told.digest, module=told.module)
    name = f"plugins/{told.name}.py"
    entry = capsule.manifest.files.get(name)
    if entry is None or entry.sha256 != told.digest:
        raise UserError(
            f"{capsule.source}: plugin {told.name}: its file is not the one of its hash; expected what "
            "mattis archive writes; get the file again"
        )
    return replace(plugins.from_file(capsule.folder / name), name=told.name)


def _reproduced(
    capsule: Unpacked, text: str, seed: int | None, workers: int | None, quiet: bool
) -> Reproduction:
    """Compute a sample of the cells of an unpacked capsule again."""
    manifest, root = capsule.manifest, capsule.folder / "results"
    study = load_study(capsule.folder / manifest.study_file)
    check_results(capsule, study, root)
    count = sample_size(text, manifest.cells)
    if seed is None:
        seed = secrets.randbelow(SEEDS_UP_TO)
    of = rounds.asked(study, results_of(study, root))
    ds = reading.read(results_of(study, root).store, of.study)
    wanted = chosen_cells(of.cells, count, seed)
    with reporter(None, quiet) as report:
        which = "all" if count == manifest.cells else f"{count} of {manifest.cells} by seed {seed}"
        report.say(f"{study.name}: whole, as in its manifest; cells to compute again: {which}")
        differing = computed_again(of.study, root, ds, wanted, _where(of.study, workers), report)
    return Reproduction(
        study=study.name,
        sha256=capsule.sha256,
        digest=manifest.digest,
        cells=manifest.cells,
        sampled=count,
        seed=seed if count < manifest.cells else None,
        differing=differing,
        archived=manifest.versions,
        here=versions_here(),
    )


def check_results(capsule: Unpacked, study: Study, root: Path) -> None:
    """Raise UserError unless the results are sound, those of the manifest, and such as can be computed."""
    manifest, path = capsule.manifest, results_of(study, root).store
    if study.name != manifest.study:
        raise UserError(
            f"{capsule.source}: study {manifest.study}: got one named {study.name}; expected what mattis "
            "archive writes; get the file again"
        )
    verdict = verify(study, root)
    if not verdict.sound:
        first = verdict.findings[0]
        raise UserError(
            f"{capsule.source}: {first.place}: {first.damage}: its hash fits, its content does not; ask "
            "whoever made it for one that mattis archive wrote"
        )
    states = status.states_digest(study, root) if study.kept_states else None
    found = status.digest(study, root), states
    if found != (manifest.digest, manifest.states_digest) or verdict.cells != manifest.cells:
        raise UserError(
            f"{capsule.source}: digest of all values: got {found[0]:.12} of {verdict.cells} cells; the "
            f"manifest has {manifest.digest:.12} of {manifest.cells}, or other final states; ask whoever "
            "made it for one that mattis archive wrote"
        )
    try:
        record.check_recipe(path, study, record.read(path, study))
    except UserError:
        raise UserError(
            f"{capsule.source}: as in its manifest, but not computed again: its cells are of the random "
            "numbers of an older mattis, which this one cannot make; install the one that computed them "
            f"(it was archived with mattis {manifest.versions.mattis})"
        ) from None


def _where(study: Study, workers: int | None) -> Where:
    """Return the workers: no more than fit this machine. Raises UserError if none does."""
    where = Where(workers=workers)
    return replace(where, workers=min(where.count, estimate.room(study, where.memory).workers))


def computed_again(
    study: Study, root: Path, ds: xr.Dataset, wanted: Mask, where: Where, report: Reporter
) -> list[DifferingCell]:
    """Compute some cells again; return those that differ from the stored ones in any bit.

    ds  # the stored cells
    """
    path, blocks = results_of(study, root).store, plan.blocks(study, wanted)
    differing: dict[Block, list[DifferingCell]] = {}
    report.start(int(wanted.sum()), sum(plan.effort(study, block) for block in blocks))
    for finished in dispatch.computed(study, blocks, where, report.say):
        if finished is None:
            continue
        block = finished.block
        report.advance(len(block.points), plan.effort(study, block))
        differing[block] = (
            [_failed(study, block, k, finished.message) for k in range(len(block.points))]
            if finished.columns is None
            else [*_differing(study, path, ds, block, finished.columns)]
        )
    return [cell for block in blocks for cell in differing[block]]


def _labels(study: Study, block: Block, number: int) -> dict[str, float | str]:
    """Return the labels of a cell of a block."""
    at = dict(zip(study.points, block.points[number], strict=True))
    return {"size": block.size, block.stored: block.load, **at, "seed": block.seed}


def _failed(study: Study, block: Block, number: int, message: str) -> DifferingCell:
    return DifferingCell(_labels(study, block, number), (f"not computed: {one_line(message, 120)}",))


def _differing(
    study: Study, path: Place, ds: xr.Dataset, block: Block, columns: Columns
) -> Iterator[DifferingCell]:
    """Yield the cells of a block that differ from the stored ones."""
    if not [*differences_of_block(path, study, ds, block, columns)]:
        return
    for number, point in enumerate(block.points):
        one = replace(block, points=(point,))
        values = {name: column[number : number + 1] for name, column in columns.items()}
        found = [f"{each.array} {each.damage}" for each in differences_of_block(path, study, ds, one, values)]
        if found:
            yield DifferingCell(_labels(study, block, number), found)
