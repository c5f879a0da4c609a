"""The parts that need no namespace: what is executed, the protocol's lines, output files, name servers."""

import asyncio
import os
from pathlib import Path

import pytest

from moorage.engine.ports import CannotStart
from moorage.planning.actions import ContainerSpec
from moorage.runtime import requests
from moorage.runtime.local_image import LocalImage
from moorage.runtime.supervisor import output, protocol, records
from moorage.runtime.supervisor.health import HealthCheck
from moorage.runtime.supervisor.lines import Lines
from moorage.runtime.supervisor.protocol import Refused

IMAGE = LocalImage("i", Path("/i"), entry_point=("image-entry",), command=("image-command",))


@pytest.mark.parametrize(
    ("entry_point", "command", "argv"),
    [
        (None, None, ["image-entry", "image-command"]),
        (None, ("own",), ["image-entry", "own"]),
        (("own-entry",), None, ["own-entry"]),
        (("own-entry",), ("own",), ["own-entry", "own"]),
        ((), ("own",), ["own"]),
    ],
)
def test_an_entry_point_of_the_container_drops_the_command_of_the_image(
    entry_point: tuple[str, ...] | None, command: tuple[str, ...] | None, argv: list[str]
) -> None:
    assert requests.argv_of(ContainerSpec("t", "c", "i", entry_point=entry_point, command=command), IMAGE) == argv


def test_a_container_without_any_program_is_refused() -> None:
    with pytest.raises(CannotStart, match="no command specified"):
        requests.argv_of(ContainerSpec("t", "c", "i", entry_point=()), IMAGE)


def test_the_proxy_is_the_envoy_of_its_package() -> None:
    assert os.access(requests.proxy_binary(), os.X_OK)
    assert requests.proxy_image().user == "20000"


def test_lines_are_put_together_from_pieces() -> None:
    data = protocol.encode({"id": 1, "text": "a\nb"}) + protocol.encode({"id": 2})
    messages, rest = protocol.split(data + b'{"id"')
    assert messages == [{"id": 1, "text": "a\nb"}, {"id": 2}]
    assert protocol.split(rest + b": 3}\n") == ([{"id": 3}], b"")
    with pytest.raises(ValueError):
        protocol.split(b"[]\n")
    with pytest.raises(ValueError, match="too long"):
        protocol.split(b"x" * (protocol.MAX_LINE + 1))


@pytest.mark.parametrize(
    ("command", "argv"),
    [(["CMD", "a", "b c"], ["a", "b c"]), (["CMD-SHELL", "a || b"], ["/bin/sh", "-c", "a || b"])],
)
def test_a_health_check_runs_by_itself_or_by_the_shell(command: list[str], argv: list[str]) -> None:
    assert HealthCheck(command, 1, 1, 1, 0).argv == argv


async def test_output_is_bounded_and_read_across_the_change_of_files(tmp_path: Path) -> None:
    source, sink = os.pipe()
    kept = output.Output(tmp_path / records.LIVE / "t" / "c")
    kept.read("stdout", source)
    reading = Lines(tmp_path, "t", "c")
    text = "x" * 1000
    count = 2 * output.MAX_FILE // len(text)
    seen: list[str] = []

    with os.fdopen(sink, "wb") as file:
        for first in range(0, count, 500):
            numbers = range(first, min(first + 500, count))
            # In a thread: the reader of the pipe runs on this one.
            await asyncio.to_thread(file.write, b"".join(f"{number} {text}\n".encode() for number in numbers))
            seen.extend(line for _, _, line in reading.fresh())
    await kept.closed
    seen.extend(line for _, _, line in reading.fresh())
    assert [line.split()[0] for line in seen] == [str(number) for number in range(count)]
    sizes = [file.stat().st_size for file in (tmp_path / records.LIVE / "t" / "c").iterdir()]
    assert len(sizes) == 2 and max(sizes) <= output.MAX_FILE + 256 * 1024
    reading.close()


async def test_a_line_without_end_is_cut_and_kept(tmp_path: Path) -> None:
    assert await kept_of(tmp_path, b"y" * (output.MAX_TEXT + 10)) == ["y" * output.MAX_TEXT, "y" * 10]


async def kept_of(tmp_path: Path, written: bytes) -> list[str]:
    """The lines that are kept of what a container writes."""
    source, sink = os.pipe()
    kept = output.Output(tmp_path / records.LIVE / "t" / "c")
    kept.read("stderr", source)

    def write() -> None:
        with os.fdopen(sink, "wb") as file:
            file.write(written)

    await asyncio.to_thread(write)
    await kept.closed
    return [text for _, _, text in Lines(tmp_path, "t", "c").fresh()]


async def test_a_long_line_stays_whole_and_a_longer_one_is_cut_between_characters(tmp_path: Path) -> None:
    whole, longer = "é" * (output.MAX_TEXT // 2), "x" + "é" * (output.MAX_TEXT // 2)
    found = await kept_of(tmp_path, f"{whole}\n{longer}\nend\n".encode())
    assert found == [whole, longer[:-1], "é", "end"]


async def test_no_piece_of_what_is_no_text_is_longer_than_an_event_may_be(tmp_path: Path) -> None:
    found = await kept_of(tmp_path, b"\xff" * output.MAX_TEXT + b"\nend\n")
    assert "".join(found[:-1]) == "\ufffd" * output.MAX_TEXT
    assert max(len(text.encode()) for text in found) <= output.MAX_TEXT


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a\0b"])
def test_a_name_that_is_no_folders_name_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        records.checked(name)


def test_of_removed_tasks_the_latest_are_kept(tmp_path: Path) -> None:
    for number in range(203):
        records.begin(tmp_path, f"task{number}", number)
        records.retire(tmp_path, f"task{number}")
        os.utime(tmp_path / records.REMOVED / f"task{number}", (number, number))
    left = {folder.name for folder in (tmp_path / records.REMOVED).iterdir()}
    assert len(left) <= 201 and "task202" in left and "task0" not in left
    assert records.last_offset(tmp_path) == 202
