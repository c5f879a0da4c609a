"""`moorage demo`: the article's story end to end."""

from moorage.cli.commands.planned import not_yet


def demo() -> None:
    """Run the article's story end to end, then clean up."""
    raise not_yet("moorage demo", "")
