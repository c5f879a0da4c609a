"""`python -m moorage` is the `moorage` program."""

import sys

from moorage.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
