"""Run the command line with ``python -m lsr``."""

from lsr.cli.app import main

if __name__ == "__main__":
    main()
