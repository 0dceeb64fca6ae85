"""The command `mattis`: one verb for each step, and one line for each mistake.

Exit codes: 0 done; 1 a block failed, the run was interrupted, verify found damage, compare rejects a
theory, or reproduce came to other values; 2 the user's mistake, nothing written.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

import click

from mattis import __version__
from mattis.cli import beginnings, capsules, claims, drawings, machines, runs, stores, theories
from mattis.cli.help import Verbs, told
from mattis.cli.options import OWN_PROCESS
from mattis.errors import Fault, UserError


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    sections={
        "Begin": (beginnings.new, theories.models, beginnings.completion),
        "Compute": (runs.plan, runs.run, runs.status),
        "Look": (drawings.diagram, drawings.page, drawings.figure, drawings.trace),
        "Judge": (theories.compare, theories.theory, claims.claims),
        "Check": (stores.verify, stores.digest, machines.gpu_selftest),
        "Share": (capsules.archive, capsules.reproduce),
    },
    examples=("mattis new mine", "mattis run mine.yaml", "mattis diagram mine.yaml"),
)
@click.version_option(__version__, prog_name="mattis")
def verbs() -> None:
    """Phase diagrams of associative memories, from one YAML file to a figure with error bars.

    mattis VERB --help says more of each verb.
    """


def guarded(command: Callable[[], Any]) -> int:
    """Run a command and return its exit code; what the user did wrong is one line on stderr."""
    try:
        command()
        sys.stdout.flush()
    except UserError as error:
        message, code = str(error), 2
    except Fault as error:
        message, code = str(error), 1
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return 2
    except click.ClickException as error:
        message, code = told(error), 2
    except BrokenPipeError:  # of `| head`, which has what it wanted
        _abandon(sys.stdout)
        return 1
    except OSError as error:
        if error.filename is None:
            _abandon(sys.stdout)
        where = f"{error.filename}: cannot be used" if error.filename else "cannot write its output"
        remedy = "see that it is there, readable, and on a disk with room"
        message, code = f"{where}: {(error.strerror or str(error)).lower()}; {remedy}", 1
    except MemoryError as error:
        message, code = f"out of memory: {error}; use a smaller study", 1
    except (KeyboardInterrupt, click.Abort):
        message, code = "interrupted; the same command continues", 1
    else:
        return 0
    with suppress(OSError):  # nobody can be told
        print(f"mattis: {' '.join(message.split())}", file=sys.stderr)
    return code


def _abandon(stream: IO[str]) -> None:
    """Send what is left of a stream to nowhere, or Python would complain of it at its end."""
    with open(os.devnull, "w") as nowhere, suppress(OSError, ValueError):  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())


def main() -> None:
    """Run the command line; a batch system that ends it by SIGTERM is told what Ctrl-C is."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    gc.set_threshold(100_000)  # imports make 10^5 objects; to look at them each 700 is 0.3 s
    code = guarded(lambda: verbs.main(prog_name="mattis", standalone_mode=False, obj=OWN_PROCESS))
    try:
        sys.stderr.flush()
    except OSError:  # of lines that ended no run; Python would end with an exit code of its own
        _abandon(sys.stderr)
    if code:  # Dask has more to say, on the way out, of a cluster that was interrupted in its start
        sys.unraisablehook = lambda _: None
    gc.freeze()  # the interpreter would look through all objects once more, only to end
    sys.exit(code)
