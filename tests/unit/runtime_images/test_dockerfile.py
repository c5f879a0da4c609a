"""What of a Dockerfile is honoured, and in which words the rest is refused."""

import pytest

from moorage.runtime.images import ImageCatalog, ImageRefused
from moorage.runtime.local_image import DEFAULT_PATH

HEALTH = "HEALTHCHECK CMD true"


def test_every_honoured_instruction_shows_in_the_image(folder, catalog: ImageCatalog) -> None:
    made = folder(
        "WORKDIR /srv",
        "WORKDIR app",
        'ENV GREETING="good day" NAME=world',
        "ENV OLD style of value",
        "ENV BOTH=$GREETING-${NAME}",
        "COPY server.py .",
        "EXPOSE 5000 6000-6002/tcp",
        "EXPOSE 5000",
        "USER 1000:1000",
        'LABEL team="the crew"',
        'ENTRYPOINT ["python", "-u"]',
        'CMD ["server.py"]',
        files={"server.py": "print(1)"},
    )
    image = catalog.add("team/server", made)
    assert image.name == "team/server"
    assert image.working_directory == "/srv/app"
    assert dict(image.env) == {
        "PATH": DEFAULT_PATH,
        "GREETING": "good day",
        "NAME": "world",
        "OLD": "style of value",
        "BOTH": "good day-world",
    }
    assert image.exposed == (5000, 6000, 6001, 6002)
    assert image.user == "1000:1000"
    assert image.labels == (("team", "the crew"),)
    assert image.entry_point == ("python", "-u")
    assert image.command == ("server.py",)
    assert (image.root / "srv/app/server.py").read_text() == "print(1)"


def test_lines_may_end_as_on_windows_and_begin_with_a_byte_order_mark(folder, catalog: ImageCatalog) -> None:
    made = folder()
    (made / "Dockerfile").write_bytes(b'\xef\xbb\xbf# escape=\\\r\nFROM x\r\nENV A=1 \\\r\n  B=2\r\nCMD ["a"]\r\n')
    image = catalog.add("a", made)
    assert (dict(image.env)["A"], dict(image.env)["B"], image.command) == ("1", "2", ("a",))


def test_the_shell_form_runs_by_a_shell_and_the_last_one_counts(folder, catalog: ImageCatalog) -> None:
    image = catalog.add("a", folder("CMD first", "CMD exec python server.py --name $NAME"))
    assert image.command == ("/bin/sh", "-c", "exec python server.py --name $NAME")


def test_lines_are_continued_over_comments_and_names_may_be_lower_case(folder, catalog: ImageCatalog) -> None:
    image = catalog.add("a", folder("# first", "env A=1 \\", "  # between", "", "    B=2", '\tcmd ["a", \\', '  "b"]'))
    assert dict(image.env)["A"] == "1"
    assert dict(image.env)["B"] == "2"
    assert image.command == ("a", "b")


def test_an_instruction_sees_the_variables_of_those_above_it_only(folder, catalog: ImageCatalog) -> None:
    image = catalog.add("a", folder("ENV abc=hello", "ENV abc=bye def=$abc", "ENV ghi=$abc"))
    assert dict(image.env) == {"PATH": DEFAULT_PATH, "abc": "bye", "def": "hello", "ghi": "bye"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (r"a\ b", "a b"),
        ("'$NAME'", "$NAME"),
        (r"\$NAME", "$NAME"),
        (r'"say \"$NAME\" \n"', r'say "world" \n'),
        ("${NAME:-other}", "world"),
        ("${NONE:-other}", "other"),
        ("${NONE-}", ""),
        ("${NAME:+set}", "set"),
        ("${NONE:+set}", ""),
        ("${EMPTY:-other}", "other"),
        ("${EMPTY-other}", ""),
        ("x=y", "x=y"),
        ('"a<<b"', "a<<b"),
        ('"a\u2028b"', "a\u2028b"),
        ('""', ""),
        ("/opt/bin:$PATH", f"/opt/bin:{DEFAULT_PATH}"),
    ],
)
def test_quotes_and_variables_are_replaced(folder, catalog: ImageCatalog, value: str, expected: str) -> None:
    image = catalog.add("a", folder("ENV NAME=world EMPTY=", f"ENV VALUE={value}"))
    assert dict(image.env)["VALUE"] == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("RUN pip install flask", "RUN is not supported"),
        ("ARG VERSION=1", "ARG is not supported"),
        ("ADD a b", "ADD is not supported"),
        ("VOLUME /data", "VOLUME is not supported"),
        ('SHELL ["bash"]', "SHELL is not supported"),
        ("STOPSIGNAL 9", "STOPSIGNAL is not supported"),
        ("ONBUILD RUN x", "ONBUILD is not supported"),
        (HEALTH, "HEALTHCHECK is not supported"),
        ("FORM x", "FORM is not an instruction"),
        ("FROM other AS second", "a second FROM"),
        ("COPY --from=builder a b", "COPY --from is not supported"),
        ("COPY --chown=app:app a b", "COPY --chown=app:app is not supported"),
        ("COPY --link a b", "COPY --link is not supported"),
        ("COPY --chmod=u+x a b", "not an octal mode"),
        ("COPY a", "at least one source and a destination"),
        ("COPY <<EOF /a", "here-documents are not supported"),
        ("EXPOSE 53/udp", "only TCP"),
        ("EXPOSE http", "is not PORT"),
        ("EXPOSE 70000", "not within 1 to 65535"),
        ("EXPOSE", "at least one port"),
        ("USER", "is not USER"),
        ("USER a b", "is not USER"),
        ("WORKDIR", "needs a path"),
        ("WORKDIR $UNKNOWN", "$UNKNOWN is not set by an ENV above"),
        ("ENV A=${B%x}", "is not a variable that"),
        ("ENV A", "needs NAME=value"),
        ("ENV A=1 B", "is not NAME=value"),
        ('ENV A="open', "never closed"),
        ("CMD ['single']", "not a JSON array of strings"),
        ("CMD [1]", "not a JSON array of strings"),
        ("CMD", "needs at least one argument"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_its_line(folder, catalog, line: str, words: str) -> None:
    with pytest.raises(ImageRefused) as refused:
        catalog.add("a", folder("# a comment", line, "LABEL after=it", files={"a": ""}))
    assert refused.value.line == 3
    assert words in refused.value.reason
    assert refused.value.reason.startswith("Dockerfile line 3: ")
    assert catalog.list() == ()


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("ARG BASE=x", "ARG is not supported"),
        ("WORKDIR /app", "begins with FROM"),
        ("FROM", "is not FROM IMAGE"),
        ("# escape=`\nFROM x", "escape character"),
    ],
)
def test_a_dockerfile_begins_with_from(folder, catalog: ImageCatalog, first: str, words: str) -> None:
    with pytest.raises(ImageRefused, match=words):
        catalog.add("a", folder(first=first))


@pytest.mark.parametrize(
    "first", ["FROM x AS base", "FROM --platform=linux/amd64 x", "# syntax=x/y:1\n# escape=\\\nfrom x"]
)
def test_from_supplies_nothing_in_any_of_its_forms(folder, catalog: ImageCatalog, first: str) -> None:
    image = catalog.add("a", folder(first=first))
    assert list(image.root.iterdir()) == []


def test_a_folder_without_a_dockerfile_is_refused(tmp_path, catalog: ImageCatalog) -> None:
    with pytest.raises(ImageRefused, match="holds no Dockerfile"):
        catalog.add("a", tmp_path)
    with pytest.raises(ImageRefused, match="is not a directory"):
        catalog.add("a", tmp_path / "none")
    (tmp_path / "Dockerfile").write_bytes(b"FROM x\nENV A=\xff\n")
    with pytest.raises(ImageRefused, match="is not UTF-8"):
        catalog.add("a", tmp_path)
    (tmp_path / "Dockerfile").write_text("# nothing\n")
    with pytest.raises(ImageRefused, match="is empty"):
        catalog.add("a", tmp_path)
