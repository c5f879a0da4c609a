"""The catalog of local images: adds a folder under a name, keeps it over restarts, resolves references to it.

An image is a copy made when it is added: what happens to the folder later changes nothing until it is added again.
"""

from pathlib import Path
from typing import Protocol

from moorage.runtime.local_image import ImageRefused, LocalImage, image_name

__all__ = ["ImageRefused", "Images", "LocalImage", "image_name"]


class Images(Protocol):
    """What a runtime needs of a catalog."""

    def resolve(self, reference: str) -> LocalImage:
        """The image that `reference` names; CannotPull if it was never added."""

    def add(self, name: str, folder: Path) -> LocalImage:
        """Make the image `name` from a folder with a Dockerfile; ImageRefused says which line cannot be honoured."""
