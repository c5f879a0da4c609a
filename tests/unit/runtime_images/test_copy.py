"""COPY: which files land where, with which modes, and that nothing outside the folder is ever reached."""

import os
import stat
from pathlib import Path

import pytest

from moorage.runtime import build_context
from moorage.runtime.image_tree import ImageTree
from moorage.runtime.images import ImageCatalog, ImageRefused

FILES = {"a.py": "a", "b.py": "b", "c.txt": "c", "sub/d.py": "d", "sub/deep/e.py": "e", "with blank.txt": "w"}


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink())


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["COPY a.py /x"], ["x"]),
        (["COPY a.py /x/"], ["x/a.py"]),
        (["COPY /a.py ./sub/../b.py /x/"], ["x/a.py", "x/b.py"]),
        (["WORKDIR /w", "COPY a.py ."], ["w/a.py"]),
        (["WORKDIR /w", "COPY a.py b"], ["w/b"]),
        (["WORKDIR /w", "COPY a.py ../b"], ["b"]),
        (["COPY a.py /x/", "COPY b.py /x"], ["x/a.py", "x/b.py"]),
        (["COPY a.py /x", "COPY b.py /x"], ["x"]),
        (["COPY sub /x"], ["x/d.py", "x/deep/e.py"]),
        (["COPY sub/ c.txt /x/"], ["x/c.txt", "x/d.py", "x/deep/e.py"]),
        (["COPY *.py /x/"], ["x/a.py", "x/b.py"]),
        (["COPY [ab].py /x/"], ["x/a.py", "x/b.py"]),
        (["COPY [^a].py /x"], ["x"]),
        (["COPY ?.txt sub/*/e.py /x/"], ["x/c.txt", "x/e.py"]),
        (['COPY ["with blank.txt", "a.py", "/x/"]'], ["x/a.py", "x/with blank.txt"]),
        (['COPY "with blank.txt" /x'], ["x"]),
        (["ENV FROM=a.py TO=/x", "COPY $FROM ${TO}/y"], ["x/y"]),
        (["COPY --chown=root:root a.py /x"], ["x"]),
        (["COPY sub /"], ["d.py", "deep/e.py"]),
    ],
)
def test_files_land_where_a_container_engine_puts_them(folder, catalog: ImageCatalog, lines, expected) -> None:
    image = catalog.add("a", folder(*lines, files=FILES))
    assert tree(image.root) == expected


def test_modes_are_kept_unless_chmod_sets_them_and_a_read_only_directory_is_filled_too(folder, catalog) -> None:
    made = folder("COPY sub /kept", "COPY --chmod=0750 sub /set", files=FILES)
    (made / "sub/d.py").chmod(0o640)
    (made / "sub/deep").chmod(0o555)
    root = catalog.add("a", made).root
    modes = {
        path: stat.S_IMODE((root / path).stat().st_mode) for path in ("kept/d.py", "kept/deep", "kept", "set/d.py")
    }
    assert modes == {"kept/d.py": 0o640, "kept/deep": 0o555, "kept": 0o755, "set/d.py": 0o750}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("COPY none.py /x", "there is no such file"),
        ("COPY *.none /x/", "there is no such file"),
        ("COPY ../outside /x", "outside the folder"),
        ("COPY sub/../../outside /x", "outside the folder"),
        ("COPY a.py b.py /x", "must end with /"),
        ("COPY *.py /x", "must end with /"),
        ("COPY a.py /tmp/x", "made anew for every container"),
        ("COPY a.py /etc/hosts", "made anew for every container"),
        ("COPY a.py /proc/", "made anew for every container"),
        ("WORKDIR /dev/x", "made anew for every container"),
    ],
)
def test_sources_and_destinations_that_cannot_be_are_refused(folder, catalog, line: str, words: str) -> None:
    with pytest.raises(ImageRefused, match=words) as refused:
        catalog.add("a", folder(line, files=FILES))
    assert refused.value.line == 2


def test_a_working_directory_that_every_container_has_needs_no_files(folder, catalog: ImageCatalog) -> None:
    image = catalog.add("a", folder("WORKDIR /tmp"))
    assert image.working_directory == "/tmp"
    assert list(image.root.iterdir()) == []


@pytest.mark.parametrize("link", ["/etc/passwd", "../outside", "sub/../../outside", "loop"])
@pytest.mark.parametrize("line", ["COPY loop /x", "COPY . /x", "COPY l* /x/"])
def test_a_link_out_of_the_folder_is_refused(
    folder, catalog: ImageCatalog, tmp_path: Path, link: str, line: str
) -> None:
    (tmp_path / "outside").write_text("secret")
    made = folder(line, files=FILES)
    (made / "loop").symlink_to(link)
    if link == "loop":
        (made / "loop").unlink()
        (made / "loop").symlink_to("hop")
        (made / "hop").symlink_to(tmp_path / "outside")
    with pytest.raises(ImageRefused, match=r"symbolic link to .*, outside the folder"):
        catalog.add("a", made)


def test_a_link_that_is_not_copied_harms_nobody(folder, catalog: ImageCatalog) -> None:
    made = folder("COPY a.py /x", files=FILES)
    (made / "venv").symlink_to("/usr")
    os.mkfifo(made / "pipe")
    assert tree(catalog.add("a", made).root) == ["x"]


def test_a_link_within_the_folder_is_followed_as_a_source_and_kept_inside_a_directory(folder, catalog) -> None:
    made = folder("COPY link.py /x", "COPY dir /y", files={**FILES, "dir/real": "r", "[z]": "z"})
    (made / "link.py").symlink_to("[z]")
    (made / "dir/also").symlink_to("real")
    root = catalog.add("a", made).root
    assert (root / "x").read_text() == "z"
    assert not (root / "x").is_symlink()
    assert (root / "y/also").is_symlink()
    assert (root / "y/also").readlink() == Path("real")


def test_nothing_is_placed_behind_a_link_of_the_image(folder, catalog: ImageCatalog) -> None:
    made = folder("COPY dir /y", "COPY a.py /y/up/a.py", files={**FILES, "dir/in/real": "r"})
    (made / "dir/up").symlink_to("in")
    with pytest.raises(ImageRefused, match="behind a symbolic link") as refused:
        catalog.add("a", made)
    assert refused.value.line == 3


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore", "Dockerfile.dockerignore"])
def test_the_dockerfile_and_the_ignore_file_are_not_read_from_outside(folder, catalog, tmp_path: Path, name) -> None:
    (tmp_path / "outside").write_text("secret")
    made = folder("CMD a")
    (made / name).unlink(missing_ok=True)
    (made / name).symlink_to(tmp_path / "outside")
    with pytest.raises(ImageRefused, match="symbolic link to a file outside") as refused:
        catalog.add("a", made)
    assert "secret" not in refused.value.reason


def test_a_file_that_became_a_link_after_it_was_checked_is_not_read(folder, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    made = folder(files={"sub/file": "x", "file": "x"})
    context = build_context.read(made)
    [inner], [outer] = context.find("sub/file"), context.find("file")
    (made / "file").unlink()
    (made / "file").symlink_to(tmp_path / "outside")
    (made / "sub").rename(made / "moved")
    (made / "sub").symlink_to(made / "moved")
    tree = ImageTree(tmp_path)
    with pytest.raises(OSError, match="symbolic links"):
        tree.put(outer, "/copy", None)
    with pytest.raises(ImageRefused, match="changed while the image was made"):
        tree.put(inner, "/copy", None)
    assert not (tmp_path / "copy").exists()


def test_special_files_and_programs_that_gain_rights_are_refused(folder, catalog: ImageCatalog) -> None:
    made = folder("COPY sub /x", files=FILES)
    (made / "sub/d.py").chmod(0o4755)
    with pytest.raises(ImageRefused, match="set-user-ID"):
        catalog.add("a", made)
    (made / "sub/d.py").unlink()
    os.mkfifo(made / "sub/d.py")
    with pytest.raises(ImageRefused, match="neither a file"):
        catalog.add("a", made)


@pytest.mark.parametrize(
    ("ignored", "expected"),
    [
        ("*.py", ["c.txt", "sub/d.py", "sub/deep/e.py", "with blank.txt"]),
        ("**/*.py", ["c.txt", "with blank.txt"]),
        ("sub\n*.py", ["c.txt", "with blank.txt"]),
        ("/sub/\n# comment\n\n*.py", ["c.txt", "with blank.txt"]),
        ("sub/*\n!sub/d.py", ["a.py", "b.py", "c.txt", "sub/d.py", "with blank.txt"]),
        ("sub\n!sub/deep", ["a.py", "b.py", "c.txt", "sub/deep/e.py", "with blank.txt"]),
        ("*\n!c.*", ["c.txt"]),
        ("**/deep/**\n?.py", ["c.txt", "sub/d.py", "with blank.txt"]),
    ],
)
def test_dockerignore_hides_files(folder, catalog: ImageCatalog, ignored: str, expected: list[str]) -> None:
    made = folder("COPY . /x", files={**FILES, ".dockerignore": ignored})
    found = tree(catalog.add("a", made).root / "x")
    assert [path for path in found if path not in {"Dockerfile", ".dockerignore"}] == expected


def test_an_ignore_file_that_is_not_text_is_refused(folder, catalog: ImageCatalog) -> None:
    made = folder("COPY . /x")
    (made / ".dockerignore").write_bytes(b"\xff")
    with pytest.raises(ImageRefused, match=r"\.dockerignore is not UTF-8"):
        catalog.add("a", made)


def test_a_hidden_source_is_named_as_such(folder, catalog: ImageCatalog) -> None:
    with pytest.raises(ImageRefused, match=r"excluded by \.dockerignore"):
        catalog.add("a", folder("COPY a.py /x", files={**FILES, ".dockerignore": "*.py"}))
