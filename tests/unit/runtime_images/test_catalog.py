"""The catalog: names, digests, restarts, what a task is told of an unknown image."""

import json
from pathlib import Path

import pytest

from moorage.engine.ports import CannotPull
from moorage.runtime.images import CatalogUnreadable, ImageCatalog, ImageRefused, image_name


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("server", "server"),
        ("server:1.2", "server"),
        ("team/server:latest", "team/server"),
        ("registry.example/team/server:latest", "team/server"),
        ("registry.example:5000/server", "server"),
        ("localhost/server:x", "server"),
        ("localhost:5000/a/b/c@sha256:00", "a/b/c"),
        ("server:1@sha256:00", "server"),
    ],
)
def test_an_image_is_found_by_its_reference_without_registry_and_tag(folder, catalog, reference, name) -> None:
    assert image_name(reference) == name
    image = catalog.add(name, folder("CMD a"))
    assert catalog.resolve(reference) == image


EXAMPLES = sorted(Path(__file__).parents[3].glob("examples/*/images/*"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: "/".join(path.parts[-3:]))
def test_the_images_of_the_examples_can_be_made(catalog: ImageCatalog, example: Path) -> None:
    image = catalog.add(example.name, example)
    assert image.command[0] == "python"
    assert (image.root / image.working_directory.lstrip("/") / image.command[1]).is_file()


def test_an_unknown_image_cannot_be_pulled_and_the_reason_says_how_to_add_it(catalog: ImageCatalog) -> None:
    with pytest.raises(CannotPull, match=r"team/server:9: not found; add it with `moorage image add team/server DIR`"):
        catalog.resolve("registry.example/team/server:9")


def test_images_survive_a_restart(folder, catalog: ImageCatalog, tmp_path: Path) -> None:
    first = catalog.add("b", folder("COPY a /a", "CMD a", "EXPOSE 80", "LABEL x=y", files={"a": "1"}))
    second = catalog.add("a", folder("CMD b"))
    again = ImageCatalog(tmp_path / "images")
    assert again.list() == (second, first)
    assert again.resolve("b") == first
    assert again.source("a") == catalog.source("a")


def test_a_changed_folder_gives_a_new_root_and_the_same_folder_the_same(folder, catalog: ImageCatalog) -> None:
    made = folder("COPY a /a", files={"a": "1"})
    first = catalog.add("x", made)
    assert catalog.add("x", made) == first
    (made / "a").write_text("2")
    assert catalog.resolve("x") == first
    assert (first.root / "a").read_text() == "1"
    changed = catalog.add("x", made)
    assert changed.digest != first.digest
    assert changed.root != first.root
    assert catalog.resolve("x") == changed
    assert (first.root / "a").read_text() == "1"


@pytest.mark.parametrize(
    "change",
    [
        lambda made: (made / "a").chmod(0o755),
        lambda made: (made / "a").rename(made / "sub/b"),
        lambda made: (made / "Dockerfile").write_text("FROM x\nCOPY . /a\nCMD a\n"),
        lambda made: (made / "link").symlink_to("a"),
        lambda made: (made / "empty").mkdir(),
    ],
)
def test_the_digest_covers_modes_names_links_and_what_runs(folder, catalog: ImageCatalog, change) -> None:
    made = folder("COPY . /a", files={"a": "1", "sub/c": "1", ".dockerignore": "Dockerfile"})
    (made / "a").chmod(0o644)
    first = catalog.add("x", made)
    change(made)
    assert catalog.add("x", made).digest != first.digest


def test_a_refused_folder_leaves_the_old_image_and_no_files(folder, catalog: ImageCatalog, tmp_path: Path) -> None:
    image = catalog.add("x", folder("CMD a"))
    with pytest.raises(ImageRefused):
        catalog.add("x", folder("COPY a /a", "RUN b", files={"a": "1"}))
    assert catalog.list() == (image,)
    assert list((tmp_path / "images/roots").iterdir()) == [image.root]


def test_a_removed_image_is_unknown_and_its_files_go_when_no_task_uses_them(folder, catalog: ImageCatalog) -> None:
    made = folder("COPY sub /sub", "CMD a", files={"sub/a": "1"})
    (made / "sub").chmod(0o555)
    image = catalog.add("x", made)
    kept = catalog.add("y", made)
    assert catalog.remove("x:tag")
    assert not catalog.remove("x")
    with pytest.raises(CannotPull):
        catalog.resolve("x")
    catalog.prune(in_use=frozenset({image.root}))
    assert image.root.is_dir()
    catalog.prune(in_use=frozenset())
    assert not image.root.exists()
    assert kept.root.is_dir()


def test_what_a_crash_left_unfinished_is_taken_away(catalog: ImageCatalog, tmp_path: Path) -> None:
    unfinished = tmp_path / "images/roots/.new-x"
    (unfinished / "sub").mkdir(parents=True)
    ImageCatalog(tmp_path / "images")
    assert not unfinished.exists()


@pytest.mark.parametrize("name", ["", "Server", "a//b", "/a", "a b", "../a", "-a", "registry.example/"])
def test_a_name_that_no_reference_can_have_is_refused(folder, catalog: ImageCatalog, name: str) -> None:
    with pytest.raises(ImageRefused, match="is not an image name"):
        catalog.add(name, folder())


def test_the_proxy_cannot_be_replaced(folder, catalog: ImageCatalog) -> None:
    with pytest.raises(ImageRefused, match="proxy's image"):
        catalog.add("moorage/envoy:mine", folder())


@pytest.mark.parametrize("content", ["{", json.dumps({"version": 99, "images": {}}), json.dumps({"images": 1})])
def test_an_index_that_cannot_be_read_is_an_error_and_not_an_empty_catalog(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(CatalogUnreadable):
        ImageCatalog(tmp_path)
