"""``python -m phonotary`` and the ``phonotary`` command."""

from phonotary.cli.app import main

if __name__ == "__main__":
    main()
