"""`moorage image add|ls|rm`: local images for the netns runtime."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from moorage.cli import address, render
from moorage.cli.address import Address
from moorage.cli.failure import Failure

app = typer.Typer(help="Local images: folders with a Dockerfile.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The image reference without registry and tag.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with a Dockerfile.")],
) -> None:
    """Make a folder an image, or make it anew."""
    register(address.find(), name, folder)
    render.note(f"{name} is an image now. Tasks that run keep what they have; new ones get it.")


@app.command()
def ls(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List local images."""
    from moorage.cli.control import Control

    images = Control(address.find()).get("images")["images"]
    if as_json:
        render.document(images)
    elif not images:
        render.note("There is no local image. `moorage image add NAME DIR` adds one.")
    else:
        rows = [
            [image["name"], image["digest"].removeprefix("sha256:")[:12], _command(image), image["folder"]]
            for image in images
        ]
        render.table(["IMAGE", "DIGEST", "COMMAND", "FOLDER"], rows)


@app.command()
def rm(name: Annotated[str, typer.Argument(metavar="NAME", help="As `image ls` has it.")]) -> None:
    """Forget a local image. Tasks that run keep what they have."""
    from moorage.cli.control import Control

    Control(address.find()).delete(f"images/{quote(name)}")
    render.note(f"{name} is gone.")


def register(where: Address, name: str, folder: Path) -> None:
    """Make `folder` the image `name`. The daemon reads it, so it must be on the daemon's machine."""
    from moorage.cli.control import Control

    if not folder.is_dir():
        raise Failure(f"image {name}", f"{folder} is not a folder")
    try:
        Control(where).put(f"images/{quote(name)}", {"folder": str(folder.resolve())})
    except Failure as error:
        raise Failure(f"image {name}", error.why, error.next_step) from error


def _command(image: dict[str, list[str]]) -> str:
    return " ".join([*image["entry_point"], *image["command"]]) or "-"
