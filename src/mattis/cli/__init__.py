"""The command `mattis`."""

from mattis.cli.command import main as main
