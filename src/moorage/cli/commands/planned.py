"""What the command line names and does not do yet: refused by name, never accepted and dropped."""

from moorage.cli.failure import Failure


def not_yet(what: str, instead: str) -> Failure:
    return Failure(what, "this is not there yet", instead)
