"""Folders to make images from, and catalogs in scratch directories."""

from collections.abc import Callable
from pathlib import Path

import pytest

from moorage.runtime.images import ImageCatalog

MakeFolder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> MakeFolder:
    """Make a folder: its Dockerfile's lines after FROM, and files by path."""
    count = 0

    def make(*lines: str, files: dict[str, str] | None = None, first: str = "FROM scratch") -> Path:
        nonlocal count
        count += 1
        made = tmp_path / f"folder{count}"
        made.mkdir()
        (made / "Dockerfile").write_text("\n".join([first, *lines]) + "\n")
        for path, content in (files or {}).items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_text(content)
        return made

    return make


@pytest.fixture
def catalog(tmp_path: Path) -> ImageCatalog:
    return ImageCatalog(tmp_path / "images")
