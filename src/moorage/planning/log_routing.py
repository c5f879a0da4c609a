"""What FireLens adds to the containers of a task: the router's configuration, and the way of the others' logs to it.

As the ECS agent does it (its package `taskresource/firelens`): inputs on a socket and a port, ECS's fields, the user's
own file, an output for each container by its log options. How records travel, the runtime knows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from moorage.domain import firelens
from moorage.domain.task import Task, TaskState
from moorage.domain.task_definition import AWSVPC, BRIDGE, TaskDefinition
from moorage.planning.actions import ContainerSpec, File
from moorage.planning.container_settings import LogRoute

PORT = 24224
HEALTH_PORT = 8877
BUFFER_LIMIT = 1048576
"""How many records wait for the router where the options do not say (ECS developer guide)."""

_SOCKET = "/var/run/fluent.sock"
_CONFIGURATION = {firelens.FLUENTBIT: "/fluent-bit/etc/fluent-bit.conf", firelens.FLUENTD: "/fluentd/etc/fluent.conf"}
_EXTERNAL = {firelens.FLUENTBIT: "/fluent-bit/etc/external.conf", firelens.FLUENTD: "/fluentd/etc/external.conf"}
_OUTPUT = {firelens.FLUENTBIT: "Name", firelens.FLUENTD: "@type"}
_INCLUDE, _EXCLUDE = "include-pattern", "exclude-pattern"


class Incomplete(Exception):
    """No configuration can be made of the options, for this reason."""


@dataclass(frozen=True)
class Lookups:
    """What was fetched for the router: the values of secret options by container, and the file of S3."""

    secrets: Mapping[str, Mapping[str, str]]
    external: str | None = None


def dressed(
    spec: ContainerSpec, task: Task, definition: TaskDefinition, state: TaskState, found: Lookups
) -> ContainerSpec:
    """`spec` with what FireLens adds to it. Incomplete."""
    documents = definition.document["containerDefinitions"]
    router = firelens.router(documents)
    if router is None:
        return spec
    own = next(each for each in documents if each["name"] == spec.name)
    if own is router:
        spec = _as_router(spec, task, definition, router, found)
    return _as_sender(spec, task, definition, state, own, router["name"]) if firelens.sends(own) else spec


def _as_router(
    spec: ContainerSpec, task: Task, definition: TaskDefinition, router: Mapping[str, Any], found: Lookups
) -> ContainerSpec:
    kind = router["firelensConfiguration"]["type"]
    files = [File(_CONFIGURATION[kind], configuration(task, definition))]
    if found.external is not None:
        files.append(File(_EXTERNAL[kind], found.external))
    environment = {"FLUENT_UID": "0"} if kind == firelens.FLUENTD else {}
    for number, document in enumerate(definition.document["containerDefinitions"]):
        for name, value in found.secrets.get(document["name"], {}).items():
            environment[_variable(name, number)] = value
    return replace(
        spec,
        files=(*spec.files, *files),
        environment=(*spec.environment, *environment.items()),
        settings=replace(spec.settings, routes_logs=True),
    )


def _as_sender(
    spec: ContainerSpec, task: Task, definition: TaskDefinition, state: TaskState, own: Mapping[str, Any], router: str
) -> ContainerSpec:
    limit = own["logConfiguration"].get("options", {}).get(firelens.BUFFER_LIMIT, BUFFER_LIMIT)
    route = LogRoute(f"{spec.name}-firelens-{task.id}", int(limit))
    there = state.container(router)
    hosts = {AWSVPC: "127.0.0.1", BRIDGE: there.address if there is not None else ""}
    host = hosts.get(definition.mode)
    variables = (("FLUENT_HOST", host), ("FLUENT_PORT", str(PORT))) if host else ()
    return replace(spec, environment=(*spec.environment, *variables), settings=replace(spec.settings, log_route=route))


def configuration(task: Task, definition: TaskDefinition) -> str:
    """The router's configuration file. Incomplete where a container's options name no output."""
    documents = definition.document["containerDefinitions"]
    router = firelens.router(documents)
    if router is None:
        raise Incomplete("no container has a firelensConfiguration")
    asked = router["firelensConfiguration"]
    write = _Fluentd() if asked["type"] == firelens.FLUENTD else _FluentBit()
    listen = "0.0.0.0" if definition.mode == BRIDGE else "127.0.0.1"
    sections = [*write.inputs(listen)]
    outputs = list(_outputs(documents, asked["type"]))
    for each in outputs:
        sections += write.filters(each)
    if asked.get("options", {}).get(firelens.METADATA, "true") == "true":
        sections.append(write.fields(_fields(task, definition)))
    where = firelens.external(asked)
    if where is not None:
        sections.append(write.include(where[1] if where[0] == "file" else _EXTERNAL[asked["type"]]))
    sections += write.ends()
    sections += [write.output(each) for each in outputs if each.kind]
    return "\n".join(sections)


def _fields(task: Task, definition: TaskDefinition) -> dict[str, str]:
    name = f"{definition.family}:{definition.revision}"
    return {"ecs_cluster": task.cluster, "ecs_task_arn": task.arn, "ecs_task_definition": name}


@dataclass(frozen=True)
class _Output:
    """What the log options of one container say: the output's plugin with its options, patterns of what to keep."""

    tag: str
    kind: str
    options: Mapping[str, str]
    include: str | None
    exclude: str | None


def _outputs(documents: Sequence[Mapping[str, Any]], kind: str) -> Iterator[_Output]:
    for number, document in enumerate(documents):
        if not firelens.sends(document):
            continue
        given = document["logConfiguration"]
        options = {name: str(value) for name, value in given.get("options", {}).items()}
        options.pop(firelens.BUFFER_LIMIT, None)
        secrets = [each["name"] for each in given.get("secretOptions", ())]
        options |= {name: _reference(kind, _variable(name, number)) for name in secrets}
        include, exclude = options.pop(_INCLUDE, None), options.pop(_EXCLUDE, None)
        output = options.pop(_OUTPUT[kind], "")
        if options and not output:
            raise Incomplete(
                f"unable to apply log options of container {document['name']} to firelens config: missing output "
                f"option {_OUTPUT[kind]} which is required for firelens configuration of type {kind}"
            )
        yield _Output(f"{document['name']}-firelens", output, options, include, exclude)


def _variable(option: str, container: int) -> str:
    """The router's environment variable for a secret option of the container of that number."""
    return f"{option}_{container}"


def _reference(kind: str, variable: str) -> str:
    return f"\"#{{ENV['{variable}']}}\"" if kind == firelens.FLUENTD else f"${{{variable}}}"


class _FluentBit:
    """Fluent Bit's classic format."""

    def inputs(self, listen: str) -> list[str]:
        return [
            _section("INPUT", ("Name", "forward"), ("Mem_Buf_Limit", "25MB"), ("unix_path", _SOCKET)),
            _section("INPUT", ("Name", "forward"), ("Listen", listen), ("Port", str(PORT))),
            _section(
                "INPUT",
                ("Name", "tcp"),
                ("Tag", "firelens-healthcheck"),
                ("Listen", "127.0.0.1"),
                ("Port", str(HEALTH_PORT)),
            ),
        ]

    def filters(self, output: _Output) -> list[str]:
        wanted = (("Regex", output.include), ("Exclude", output.exclude))
        return [
            _section("FILTER", ("Name", "grep"), ("Match", f"{output.tag}*"), (word, f"log {pattern}"))
            for word, pattern in wanted
            if pattern is not None
        ]

    def fields(self, fields: Mapping[str, str]) -> str:
        records = [("Record", f"{name} {value}") for name, value in fields.items()]
        return _section("FILTER", ("Name", "record_modifier"), ("Match", "*"), *records)

    def include(self, path: str) -> str:
        return f"@INCLUDE {path}\n"

    def ends(self) -> list[str]:
        return [_section("OUTPUT", ("Name", "null"), ("Match", "firelens-healthcheck"))]

    def output(self, output: _Output) -> str:
        return _section("OUTPUT", ("Name", output.kind), ("Match", f"{output.tag}*"), *sorted(output.options.items()))


class _Fluentd:
    """Fluentd's format."""

    def inputs(self, listen: str) -> list[str]:
        return [
            _block("source", "", ("@type", "unix"), ("path", _SOCKET)),
            _block("source", "", ("@type", "forward"), ("bind", listen), ("port", str(PORT))),
        ]

    def filters(self, output: _Output) -> list[str]:
        wanted = (("regexp", output.include), ("exclude", output.exclude))
        return [
            f"<filter {output.tag}**>\n  @type grep\n  <{word}>\n    key log\n    pattern {pattern}\n  </{word}>\n"
            "</filter>\n"
            for word, pattern in wanted
            if pattern is not None
        ]

    def fields(self, fields: Mapping[str, str]) -> str:
        records = "".join(f"    {name} {value}\n" for name, value in fields.items())
        return f"<filter **>\n  @type record_transformer\n  <record>\n{records}  </record>\n</filter>\n"

    def include(self, path: str) -> str:
        return f"@include {path}\n"

    def ends(self) -> list[str]:
        return []

    def output(self, output: _Output) -> str:
        return _block("match", f" {output.tag}**", ("@type", output.kind), *sorted(output.options.items()))


def _section(name: str, *lines: tuple[str, str]) -> str:
    return "\n".join([f"[{name}]", *(f"    {key} {value}" for key, value in lines), ""])


def _block(name: str, argument: str, *lines: tuple[str, str]) -> str:
    return "\n".join([f"<{name}{argument}>", *(f"  {key} {value}" for key, value in lines), f"</{name}>", ""])
