"""`python -m generators` writes every generated part again; with `--check` it only says which are out of date."""

import sys

from generators import pages


def main(arguments: list[str]) -> int:
    outdated = [path for path in pages.documents() if pages.renewed(path.read_text()) != path.read_text()]
    for path in outdated:
        if "--check" not in arguments:
            path.write_text(pages.renewed(path.read_text()))
        print(path.relative_to(pages.ROOT).as_posix())
    return 1 if outdated and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
