"""Layers above one another: what stays, what whiteouts take away, what may not be unpacked."""

import os
import tarfile
from pathlib import Path

import pytest

from archives import directory, docker, entry, file, hard_link, layer, link
from moorage.runtime.images import ImageCatalog, ImageRefused


@pytest.fixture
def unpacked(catalog: ImageCatalog, tmp_path: Path):
    """Add an image of these layers; where its files are."""

    def add(*layers: bytes) -> Path:
        return catalog.add("saved", docker(tmp_path / "saved.tar", layers, {"Cmd": ["/bin/x"]})).root

    return add


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_a_later_layer_wins_and_an_earlier_one_shows_through(unpacked) -> None:
    root = unpacked(
        layer(directory("etc/"), file("etc/a", "1"), file("etc/b", "1")), layer(file("./etc/a", "2", 0o600))
    )
    assert tree(root) == ["etc", "etc/a", "etc/b"]
    assert (root / "etc/a").read_text() == "2"
    assert (root / "etc/a").stat().st_mode & 0o7777 == 0o600
    assert (root / "etc/b").stat().st_mtime == 1_600_000_000


def test_a_whiteout_takes_a_file_or_a_directory_of_lower_layers_away(unpacked) -> None:
    root = unpacked(layer(file("a", "1"), file("d/e/f", "1"), file("d/g", "1")), layer(file(".wh.a"), file("d/.wh.e")))
    assert tree(root) == ["d", "d/g"]


def test_an_opaque_directory_hides_what_lower_layers_have_in_it_wherever_the_mark_stands(unpacked) -> None:
    below = layer(file("d/old", "1"), file("d/sub/old", "1"), file("kept", "1"))
    first = unpacked(below, layer(directory("d"), file("d/.wh..wh..opq"), file("d/sub/new", "2")))
    last = unpacked(below, layer(directory("d"), file("d/sub/new", "2"), file("d/.wh..wh..opq")))
    assert tree(first) == tree(last) == ["d", "d/sub", "d/sub/new", "kept"]


def test_a_whiteout_does_not_take_away_what_its_own_layer_brings(unpacked) -> None:
    root = unpacked(layer(file("x/old", "1")), layer(file("x/new", "2"), file(".wh.x")))
    assert tree(root) == ["x", "x/new"]


def test_kinds_may_change_from_layer_to_layer(unpacked) -> None:
    root = unpacked(
        layer(file("a/b", "1"), file("c", "1"), link("e", "c")),
        layer(file("a", "2"), directory("c"), file("c/d", "2"), directory("e")),
    )
    assert tree(root) == ["a", "c", "c/d", "e"]
    assert not (root / "e").is_symlink()


def test_links_are_kept_and_hard_links_share_their_file(unpacked) -> None:
    root = unpacked(layer(file("a", "1"), link("b", "/etc/shadow"), hard_link("c", "a")))
    assert str((root / "b").readlink()) == "/etc/shadow"
    assert (root / "a").stat().st_ino == (root / "c").stat().st_ino


def test_a_path_behind_a_link_is_followed_inside_the_image_as_a_process_in_it_would(unpacked, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = unpacked(
        layer(link("lib", "usr/lib"), link("up", "../../../.."), link("away", str(outside))),
        layer(file("lib/x", "1"), file("up/y", "1"), file("away/z", "1")),
    )
    assert list(outside.iterdir()) == []
    assert (root / "usr/lib/x").is_file()
    assert (root / "y").is_file()
    assert (root / str(outside).lstrip("/") / "z").is_file()


def test_a_directory_that_nobody_may_write_is_filled_all_the_same(unpacked) -> None:
    root = unpacked(layer(directory("d", 0o555), file("d/x", "1")), layer(file("d/y", "1")))
    assert tree(root) == ["d", "d/x", "d/y"]
    assert (root / "d").stat().st_mode & 0o7777 == 0o555


def test_set_id_bits_are_not_unpacked_onto_the_host(unpacked) -> None:
    root = unpacked(layer(file("su", "", 0o6755), directory("t", 0o1777)))
    assert (root / "su").stat().st_mode & 0o7777 == 0o755
    assert (root / "t").stat().st_mode & 0o7777 == 0o1777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_as_root_files_belong_to_whom_the_image_says(unpacked) -> None:
    root = unpacked(layer(file("a", "", owner=101), directory("d", owner=102), entry("l", tarfile.SYMTYPE, link="a")))
    assert [(root / name).lstat().st_uid for name in ("a", "d", "l")] == [101, 102, 0]


def test_what_a_container_has_anew_is_left_out(unpacked) -> None:
    root = unpacked(layer(directory("dev"), entry("dev/sda", tarfile.BLKTYPE), file("proc/x"), file("a")))
    assert tree(root) == ["a"]


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (file("../a"), "leads out of the image"),
        (file("a/../../b"), "leads out of the image"),
        (hard_link("a", "../../etc/passwd"), "leads out of the image"),
        (hard_link("a", "/etc/passwd"), "which is no file of it"),
        (entry("a", tarfile.CHRTYPE), "a of the image is a device"),
        (entry("a", tarfile.BLKTYPE), "a of the image is a device"),
        (link("proc", "/"), "/proc of the image is not a directory"),
        (link("etc", "/"), "/etc of the image is not a directory"),
        (file("tmp"), "/tmp of the image is not a directory"),
        (directory(".host"), "that name is needed"),
        (file(".wh.."), "takes nothing away"),
        (file("a", owner=0xFFFFFFFF), "which is no user or group"),
    ],
)
def test_what_could_leave_the_image_or_is_no_file_is_refused(catalog, tmp_path: Path, member, why: str) -> None:
    archive = docker(tmp_path / "saved.tar", [layer(member)], {"Cmd": ["x"]})
    with pytest.raises(ImageRefused, match=why):
        catalog.add("saved", archive)
    assert catalog.list() == ()
    assert list((tmp_path / "images/roots").iterdir()) == []


def test_links_that_go_round_in_circles_are_refused(unpacked) -> None:
    with pytest.raises(ImageRefused, match="too many links"):
        unpacked(layer(link("a", "b"), link("b", "a"), file("a/x")))
