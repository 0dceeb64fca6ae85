"""`python -m mattis` is the command `mattis`."""

from mattis.cli.command import main

if __name__ == "__main__":
    main()
