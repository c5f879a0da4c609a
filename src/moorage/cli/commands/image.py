"""`moorage image add|ls|rm`: local images for the netns runtime."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from moorage.cli import address, render
from moorage.cli.address import Address
from moorage.cli.failure import Failure

app = typer.Typer(
    help="Local images: folders with a Dockerfile, saved images.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The image reference without registry and tag.")],
    source: Annotated[
        Path, typer.Argument(metavar="DIR|ARCHIVE", help="A folder with a Dockerfile; what `docker save` wrote.")
    ],
) -> None:
    """Make a folder or an archive an image, or make it anew."""
    register(address.find(), name, source)
    render.note(f"{name} is an image now. Tasks that run keep what they have; new ones get it.")


@app.command()
def ls(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List local images."""
    from moorage.cli.control import Control

    images = Control(address.find()).get("images")["images"]
    if as_json:
        render.document(images)
    elif not images:
        render.note("There is no local image. `moorage image add NAME DIR` adds one, or NAME image.tar.")
    else:
        rows = [
            [image["name"], image["digest"].removeprefix("sha256:")[:12], _command(image), _source(image)]
            for image in images
        ]
        render.table(["IMAGE", "DIGEST", "COMMAND", "MADE FROM"], rows)


@app.command()
def rm(name: Annotated[str, typer.Argument(metavar="NAME", help="As `image ls` has it.")]) -> None:
    """Forget a local image. Tasks that run keep what they have."""
    from moorage.cli.control import Control

    Control(address.find()).delete(f"images/{quote(name)}")
    render.note(f"{name} is gone.")


def register(where: Address, name: str, source: Path) -> None:
    """Make a folder or an archive the image `name`. The daemon reads it, so it must be on the daemon's machine."""
    from moorage.cli.control import Control

    if not source.exists():
        raise Failure(f"image {name}", f"{source} is not a folder and not a file: there is nothing of that name")
    member = "folder" if source.is_dir() else "archive"
    try:
        Control(where).put(f"images/{quote(name)}", {member: str(source.resolve())})
    except Failure as error:
        raise Failure(f"image {name}", error.why, error.next_step) from error


def _source(image: dict[str, str]) -> str:
    return image["folder"] or image["archive"]


def _command(image: dict[str, list[str]]) -> str:
    return " ".join([*image["entry_point"], *image["command"]]) or "-"
