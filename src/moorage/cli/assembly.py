"""What a PATH given to `moorage up` holds: the stacks to deploy, in order, and the images beside them.

A template file, a CDK cloud assembly (`cdk.out`) or a folder with one of them. Reads files; asks and changes nothing.
The manifest: the CDK's cloud-assembly-schema, artifacts of type `aws:cloudformation:stack` and `cdk:asset-manifest`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import yaml

from moorage.cli.failure import Failure

STACK: Final = "aws:cloudformation:stack"
ASSETS: Final = "cdk:asset-manifest"
NESTED: Final = "cdk:cloud-assembly"
_KNOWN: Final = frozenset({STACK, ASSETS, NESTED, "cdk:tree", "cdk:feature-flag-report", "none"})
_SUFFIXES: Final = (".yaml", ".yml", ".json", ".template")
_ARCHIVES: Final = (".tar", ".tar.gz", ".tgz")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}\Z")


@dataclass(frozen=True)
class StackToDeploy:
    """`artifact` is its id in the manifest, empty for a template. `account` and `region` are None where it says not."""

    name: str
    template: str
    declares: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifact: str = ""
    account: str | None = None
    region: str | None = None
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """The stacks in the order of deployment, and the folders and archives under `images/` by name."""

    source: Path
    stacks: tuple[StackToDeploy, ...]
    images: Mapping[str, Path]


def read(path: Path, picked: Sequence[str] = ()) -> Found:
    """What there is at `path`. `picked` names the stack of a template, or picks stacks of an assembly."""
    if not path.exists():
        raise Failure(str(path), "there is no such file or folder")
    source = _source(path.resolve())
    if source.is_dir():
        return Found(source, _picked(_assembly(source), picked, source), _images(source.parent))
    return Found(source, (_template(source, picked),), _images(source.parent))


def _source(path: Path) -> Path:
    """The folder of an assembly, or a template file."""
    if path.is_file():
        return path.parent if path.name == "manifest.json" else path
    for folder in (path, path / "cdk.out"):
        if (folder / "manifest.json").is_file():
            return folder
    templates = [file for file in sorted(path.iterdir()) if file.stem == "template" and file.suffix in _SUFFIXES]
    if not templates:
        raise Failure(
            str(path),
            "it holds neither cdk.out/manifest.json nor template.yaml, template.yml or template.json",
            "Name the template itself, or run `cdk synth` first.",
        )
    if len(templates) > 1:
        raise Failure(str(path), f"it holds {' and '.join(file.name for file in templates)}", "Name one of them.")
    return templates[0]


def _images(folder: Path) -> dict[str, Path]:
    """`images/<name>/` with a Dockerfile, `images/<name>.tar`; names may have slashes, as in `images/team/server/`."""
    root = folder / "images"
    files = sorted(root.glob("**/Dockerfile")) if root.is_dir() else []
    found = {file.parent.relative_to(root).as_posix(): file.parent for file in files if file.parent != root}
    for archive in sorted(root.glob("**/*")) if root.is_dir() else []:
        suffix = next((suffix for suffix in _ARCHIVES if archive.name.endswith(suffix)), None)
        if suffix is not None and archive.is_file():
            found.setdefault(archive.relative_to(root).as_posix().removesuffix(suffix), archive)
    return {name: path for name, path in found.items() if not any(parent in found for parent in _parents(name))}


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _template(file: Path, picked: Sequence[str]) -> StackToDeploy:
    if len(picked) > 1:
        raise Failure(str(file), f"one template makes one stack, not {len(picked)}", "Give --stack once.", 2)
    name = picked[0] if picked else re.sub(r"[^A-Za-z0-9-]+", "-", _stem(file.name)).strip("-")
    if not _NAME.match(name):
        raise Failure(
            f"stack name {name!r}", "it must begin with a letter, then letters, digits and -", "Give --stack."
        )
    text = _text(file)
    return StackToDeploy(name, text, _declared(text, file))


def _stem(name: str) -> str:
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name.removesuffix(".template")


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise Failure(str(file), error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise Failure(str(file), f"it is not UTF-8: {error.reason}") from error


def _declared(text: str, file: Path) -> tuple[str, ...]:
    """The parameters that a template declares; the template itself is judged by CloudFormation, not here."""
    try:
        document = _outline(text)
    except yaml.YAMLError as error:
        raise Failure(str(file), f"it is neither YAML nor JSON: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise Failure(str(file), "it is not a CloudFormation template")
    parameters = document.get("Parameters") or {}
    return tuple(str(name) for name in parameters) if isinstance(parameters, dict) else ()


def _outline(text: str) -> object:
    """JSON is YAML, too, but its own reader takes a hundredth of the time."""
    try:
        return json.loads(text)
    except ValueError:
        return yaml.load(text, _Lenient)


class _Lenient(yaml.SafeLoader):
    """Reads any tag (`!Ref`, `!Sub` …) as nothing: only the outline matters here."""


_Lenient.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def _assembly(folder: Path) -> list[StackToDeploy]:
    """The stacks of a manifest, each after those that it depends on, else in the manifest's order."""
    manifest = _json(folder / "manifest.json")
    artifacts: dict[str, Any] = manifest.get("artifacts") or {}
    found: list[StackToDeploy] = []
    for artifact, description in artifacts.items():
        kind = description.get("type")
        if kind not in _KNOWN:
            raise Failure(f"{folder.name}: artifact {artifact}", f"the type {kind} is not supported")
        if kind == STACK:
            found.append(_stack(folder, artifact, description, artifacts))
        elif kind == NESTED:
            found += _assembly(folder / str(description["properties"]["directoryName"]))
    if not found:
        raise Failure(str(folder), "the assembly holds no stack")
    return _ordered(found)


def _json(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(_text(file))
    except ValueError as error:
        raise Failure(str(file), f"it is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Failure(str(file), "it is not a JSON object")
    return document


def _stack(folder: Path, artifact: str, description: dict[str, Any], artifacts: Mapping[str, Any]) -> StackToDeploy:
    properties = description.get("properties", {})
    file = folder / str(properties["templateFile"])
    dependencies = tuple(str(name) for name in description.get("dependencies", ()))
    for dependency in dependencies:
        if artifacts.get(dependency, {}).get("type") == ASSETS:
            _refuse_assets(folder, artifact, artifacts[dependency], file.name)
    text = _text(file)
    account, region = _environment(str(description.get("environment", "")))
    return StackToDeploy(
        name=str(properties.get("stackName") or artifact),
        template=text,
        declares=_declared(text, file),
        parameters={name: str(value) for name, value in (properties.get("parameters") or {}).items()},
        tags={name: str(value) for name, value in (properties.get("tags") or {}).items()},
        artifact=artifact,
        account=account,
        region=region,
        after=dependencies,
    )


def _refuse_assets(folder: Path, artifact: str, assets: Mapping[str, Any], template: str) -> None:
    """Files and images that would have to be published first. The stack's own template is in the list, too."""
    manifest = _json(folder / str(assets["properties"]["file"]))
    for key, asset in (manifest.get("files") or {}).items():
        path = str(asset.get("source", {}).get("path") or asset.get("source", {}).get("executable"))
        if path != template:
            raise _asset(artifact, f"file asset {asset.get('displayName') or key} ({path})")
    for key, asset in (manifest.get("dockerImages") or {}).items():
        raise _asset(artifact, f"image asset {asset.get('displayName') or key}")


def _asset(artifact: str, what: str) -> Failure:
    return Failure(
        f"stack {artifact}",
        f"it needs the {what}, and assets are not supported yet",
        "Name the image instead (ContainerImage.from_registry), and give a folder or a saved image for that name: "
        "--image NAME=DIR, --image NAME=image.tar",
    )


def _environment(text: str) -> tuple[str | None, str | None]:
    """Account and region of `aws://account/region`; None for what is left open."""
    account, _, region = text.removeprefix("aws://").partition("/")
    known_account = account if re.fullmatch(r"\d{12}", account) else None
    return known_account, region if region and not region.startswith("unknown-") else None


def _ordered(stacks: list[StackToDeploy]) -> list[StackToDeploy]:
    waiting, done, ordered = list(stacks), set[str](), list[StackToDeploy]()
    names = {stack.artifact for stack in stacks}
    while waiting:
        ready = next((stack for stack in waiting if (set(stack.after) & names) <= done), None)
        if ready is None:
            raise Failure("the assembly", f"its stacks depend on one another: {', '.join(s.name for s in waiting)}")
        waiting.remove(ready)
        done.add(ready.artifact)
        ordered.append(ready)
    return ordered


def _picked(stacks: list[StackToDeploy], picked: Sequence[str], source: Path) -> tuple[StackToDeploy, ...]:
    if not picked:
        return tuple(stacks)
    known = {name for stack in stacks for name in (stack.name, stack.artifact)}
    for name in picked:
        if name not in known:
            listed = ", ".join(stack.name for stack in stacks)
            raise Failure(f"--stack {name}", f"{source} has no such stack", f"It has {listed}.", 2)
    return tuple(stack for stack in stacks if stack.name in picked or stack.artifact in picked)


def with_parameters(found: Found, given: Mapping[str, str]) -> Found:
    """Hand parameters to the stacks that declare them; `STACK:NAME` means one stack. An unknown one is refused."""
    unused = set(given)
    stacks = []
    for stack in found.stacks:
        mine = dict(stack.parameters)
        for key, value in given.items():
            owner, colon, name = key.rpartition(":")
            if name in stack.declares and (not colon or owner in (stack.name, stack.artifact)):
                mine[name] = value
                unused.discard(key)
        stacks.append(replace(stack, parameters=mine))
    if unused:
        declared = ", ".join(sorted({name for stack in found.stacks for name in stack.declares})) or "none"
        raise Failure(f"--parameter {min(unused)}", "no template declares it", f"Declared: {declared}.", 2)
    return replace(found, stacks=tuple(stacks))
