"""Archives of images: both layouts, what the configuration means, which image of several, what is damaged."""

import gzip
import json
import tarfile
from pathlib import Path

import pytest

from archives import MACHINE, configuration, digest, docker, file, layer, oci
from moorage.runtime.images import ImageCatalog, ImageRefused

LAYERS = [layer(file("bin/x", "1", 0o755)), layer(file("a", "2"))]
RUN = {
    "Entrypoint": ["/bin/x"],
    "Cmd": ["serve"],
    "Env": ["A=1", "PATH=/bin"],
    "WorkingDir": "/srv",
    "User": "web:www",
    "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
    "Labels": {"k": "v"},
    "StopSignal": "SIGQUIT",
}


@pytest.mark.parametrize("make", [docker, oci])
def test_either_layout_gives_the_same_image_and_its_configuration_is_what_runs(catalog, tmp_path, make) -> None:
    image = catalog.add("saved", make(tmp_path / "saved.tar", LAYERS, RUN))
    assert image.digest == digest(configuration(LAYERS, RUN))
    assert (image.entry_point, image.command, image.working_directory) == (("/bin/x",), ("serve",), "/srv")
    assert (dict(image.env), image.user, image.exposed) == ({"A": "1", "PATH": "/bin"}, "web:www", (80,))
    assert (image.labels, image.complete, image.stop_signal) == ((("k", "v"),), True, 3)
    assert (image.root / "bin/x").read_text() + (image.root / "a").read_text() == "12"


def test_an_image_that_says_little_runs_as_root_in_the_root_directory(catalog: ImageCatalog, tmp_path: Path) -> None:
    image = catalog.add("saved", docker(tmp_path / "saved.tar", LAYERS, {"Cmd": None}))
    assert (image.user, image.working_directory, image.stop_signal, image.command) == ("0", "/", 15, ())
    assert "/usr/bin" in dict(image.env)["PATH"]


def test_a_saved_image_survives_a_restart_and_two_names_share_its_files(catalog, tmp_path: Path) -> None:
    archive = docker(tmp_path / "saved.tar", LAYERS, RUN)
    first, second = catalog.add("a", archive), catalog.add("b", archive)
    assert first.root == second.root
    assert ImageCatalog(tmp_path / "images").list() == (first, second)
    catalog.remove("a")
    catalog.prune(frozenset())
    assert (catalog.resolve("b").root / "a").is_file()


def test_an_archive_in_gzip_is_read(catalog: ImageCatalog, tmp_path: Path) -> None:
    plain = docker(tmp_path / "saved.tar", LAYERS, RUN)
    packed = tmp_path / "saved.tar.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert catalog.add("a", packed).digest == catalog.add("b", plain).digest


def test_zstd_is_refused_by_name(catalog: ImageCatalog, tmp_path: Path) -> None:
    packed = tmp_path / "saved.tar.zst"
    packed.write_bytes(b"\x28\xb5\x2f\xfd" + b"x" * 100)
    with pytest.raises(ImageRefused, match="compressed with zstd, which is not supported"):
        catalog.add("a", packed)


def test_of_several_platforms_this_machines_is_taken(catalog: ImageCatalog, tmp_path: Path) -> None:
    image = catalog.add("saved", oci(tmp_path / "saved.tar", LAYERS, RUN, others=["s390x", "riscv64"]))
    assert image.digest == digest(configuration(LAYERS, RUN, MACHINE))


def test_an_image_for_another_machine_is_refused(catalog: ImageCatalog, tmp_path: Path) -> None:
    with pytest.raises(ImageRefused, match=f"the image is for linux/s390x, and this machine is linux/{MACHINE}"):
        catalog.add("saved", docker(tmp_path / "saved.tar", LAYERS, RUN, architecture="s390x"))


def test_of_several_images_the_one_of_that_name_is_taken(catalog: ImageCatalog, tmp_path: Path) -> None:
    files = {f"{n}.json": configuration(LAYERS, {"Cmd": [n]}) for n in ("a", "b")}
    listed = [
        {"Config": f"{n}.json", "RepoTags": [f"registry.example/{n}:1"], "Layers": ["0.tar", "1.tar"]} for n in "ab"
    ]
    both = tmp_path / "both.tar"
    both.write_bytes(
        layer(
            *(file(path, data) for path, data in files.items()),
            *(file(f"{number}.tar", data) for number, data in enumerate(LAYERS)),
            file("manifest.json", json.dumps(listed)),
        )
    )
    assert catalog.add("b", both).command == ("b",)
    with pytest.raises(ImageRefused, match=r"holds 2 images, and not one that is called c: registry.example/a:1, reg"):
        catalog.add("c", both)


def _swap(archive: Path, name: str, content: bytes) -> None:
    with tarfile.open(archive) as tar:
        found = {member.name: tar.extractfile(member).read() for member in tar}
    found[name] = content
    archive.write_bytes(layer(*(file(path, data) for path, data in found.items())))


def test_a_layer_that_is_not_what_it_was_is_refused(catalog: ImageCatalog, tmp_path: Path) -> None:
    archive = docker(tmp_path / "saved.tar", LAYERS, RUN)
    _swap(archive, "layer1/layer.tar", layer(file("a", "3")))
    with pytest.raises(ImageRefused, match="damaged: layer 2 is not sha256:"):
        catalog.add("saved", archive)
    assert catalog.list() == ()


def test_a_blob_that_is_not_its_digest_is_refused(catalog: ImageCatalog, tmp_path: Path) -> None:
    archive = oci(tmp_path / "saved.tar", LAYERS, RUN)
    _swap(archive, f"blobs/sha256/{digest(configuration(LAYERS, RUN))[7:]}", configuration(LAYERS, {}))
    with pytest.raises(ImageRefused, match="damaged: a blob is not sha256:"):
        catalog.add("saved", archive)


@pytest.mark.parametrize("keep", [3, 700, 0.6, 0.9])
def test_an_archive_that_is_cut_off_is_refused(catalog: ImageCatalog, tmp_path: Path, keep: float) -> None:
    archive = docker(tmp_path / "saved.tar", LAYERS, RUN)
    data = archive.read_bytes()
    used = len(data.rstrip(b"\0"))
    archive.write_bytes(data[: int(keep if keep > 1 else used * keep)])
    with pytest.raises(ImageRefused):
        catalog.add("saved", archive)


def test_any_other_tar_is_refused(catalog: ImageCatalog, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(layer(file("a", "1")))
    with pytest.raises(ImageRefused, match=r"the archive holds no image: neither manifest\.json"):
        catalog.add("saved", tmp_path / "x.tar")


@pytest.mark.parametrize(
    ("run", "why"),
    [({"Env": ["A"]}, "not NAME=VALUE"), ({"StopSignal": "SIGNOT"}, "is no signal"), ({"Cmd": "x"}, "Expected `array")],
)
def test_a_configuration_that_makes_no_sense_is_refused(catalog, tmp_path: Path, run, why: str) -> None:
    with pytest.raises(ImageRefused, match=why):
        catalog.add("saved", docker(tmp_path / "saved.tar", LAYERS, run))
