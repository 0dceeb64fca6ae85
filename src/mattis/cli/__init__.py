"""The command `mattis`."""
