"""A run whose page fills while it computes: drawn within a budget, and once more when the run ends."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mattis.words import one_line

if TYPE_CHECKING:
    from mattis.engine.following import Follower
    from mattis.page.live import LivePage
    from mattis.study.base import Study

MOST_FOLLOWED = 10**6
"""Cells of a study up to which its page fills while it runs: all of them are read for it."""


@contextmanager
def followed(study: "Study", root: Path | str) -> "Iterator[Follower | None]":
    """Yield who looks at a run and writes its page; None in an object store, and for too many cells.

    A page that a run wrote, this one or one that was killed, becomes at the end the page of what is there,
    or says that the run was interrupted.
    """
    from mattis.engine.following import Follower, is_of_run
    from mattis.store.cube import labels_of
    from mattis.store.results import results_of

    place = results_of(study, root).page
    if place.on_disk is None or prod(labels_of(study).shape) > MOST_FOLLOWED:
        yield None
        return

    @cache
    def page() -> "LivePage":
        from mattis.page.live import LivePage  # it loads what draws, which short runs do without

        return LivePage(study, root, shlex.join(["mattis", *sys.argv[1:]]))

    follower = Follower(lambda: page().draw(), lambda moment, pause: page().write(moment.left, pause))
    try:
        yield follower
    except BaseException:
        if follower.budget.last is not None:
            page().interrupt()
        raise
    try:
        if is_of_run(place):
            page().end()
    except Exception as error:  # the cells are there, whatever becomes of their page
        click.echo(f"mattis: no page: {type(error).__name__}: {one_line(error)}", err=True)
