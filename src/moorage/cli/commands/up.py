"""`moorage up` and `moorage down`: a template or a CDK assembly, deployed and deleted through CloudFormation."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moorage.cli import address, render
from moorage.cli.address import Address
from moorage.cli.failure import Failure

if TYPE_CHECKING:
    from moorage.cli.assembly import Found, StackToDeploy
    from moorage.cli.deployment import Deployment


def up(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A template, a cdk.out, or a folder that holds one.")],
    stack: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="The template's stack name; or which stacks.")
    ] = None,
    parameter: Annotated[list[str] | None, typer.Option(metavar="K=V", help="Or STACK:K=V.")] = None,
    image: Annotated[list[str] | None, typer.Option(metavar="NAME=DIR", help="An image: a folder or archive.")] = None,
) -> None:
    """Deploy a CloudFormation template or a CDK assembly."""
    from moorage.cli import assembly

    found = assembly.with_parameters(
        assembly.read(path, stack or ()), dict(_pair("--parameter", text) for text in parameter or ())
    )
    images = {**found.images, **{name: Path(folder) for name, folder in (_pair("--image", i) for i in image or ())}}
    where = daemon_at(address.find())
    register(where, images)
    deploy(where, found)


def down(
    targets: Annotated[list[str], typer.Argument(metavar="STACK…|PATH", help="Stacks, or what `up` was given.")],
) -> None:
    """Delete stacks and wait."""
    where = address.find()
    address.require(where)
    for target in targets:
        if Path(target).exists():
            _down_path(where, Path(target))
        else:
            delete(where, target)


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Failure(f"{option} {text}", "it must be NAME=VALUE", code=2)
    return name, value


def daemon_at(where: Address) -> Address:
    """The daemon there; one is started when none answers on this host."""
    from moorage.cli import process
    from moorage.cli.commands.daemon import configured

    if address.health(where) is not None:
        return where
    if not where.is_loopback:
        raise address.not_there(where)
    settings = configured(port=where.port)
    process.check_unused(settings)
    process.detach(settings)
    render.note(f"Started Moorage at {where.url}. `moorage stop` stops it.")
    return where


def register(where: Address, images: Mapping[str, Path]) -> None:
    from moorage.cli.commands import image

    for name, source in images.items():
        image.register(where, name, source)
        render.note(f"image {name} is {os.path.relpath(source)}")


def deploy(where: Address, found: "Found") -> None:
    """All stacks, one after the other; then their outputs."""
    rows = deployed(where, found)
    if rows:
        render.table(["STACK", "OUTPUT", "VALUE"], rows)


def deployed(where: Address, found: "Found") -> list[list[str]]:
    """Deploy all stacks, one after the other; each output with its stack."""
    rows: list[list[str]] = []
    for stack in found.stacks:
        deployment = _deployment(where, stack)
        _watch(deployment, stack)
        outputs = deployment.outputs()
        rows += [[stack.name, output["OutputKey"], output["OutputValue"]] for output in outputs]
    return rows


def _deployment(where: Address, stack: "StackToDeploy") -> "Deployment":
    """In the account and region that the assembly names for the stack, else in the caller's."""
    from moorage.cli.aws import Aws
    from moorage.cli.deployment import Deployment

    place = where
    if stack.region is not None and stack.region != where.region:
        place = replace(place, region=stack.region)
        render.note(f"{stack.name} goes to {stack.region}: set AWS_REGION={stack.region} to see it.")
    if stack.account is not None and stack.account != where.account:
        place = replace(place, access_key=stack.account)
        render.note(f"{stack.name} goes to account {stack.account}: set AWS_ACCESS_KEY_ID={stack.account} to see it.")
    return Deployment(Aws(place), stack.name)


def _watch(deployment: "Deployment", stack: "StackToDeploy") -> None:
    from moorage.cli import progress

    count = 0
    try:
        with progress.of(f"stack {stack.name}") as view:
            for event in deployment.deploy(stack):
                view.show(event)
                count += 1
    except KeyboardInterrupt:
        raise Failure(
            "interrupted", f"the stack {stack.name} goes on by itself", f"moorage down {stack.name} takes it away.", 130
        ) from None
    if not count:
        render.note(f"stack {stack.name} is as it should be: nothing to do")


def _down_path(where: Address, path: Path) -> None:
    """The stacks of an assembly or template, last first; those that are not there are passed over, if any is."""
    from moorage.cli import assembly
    from moorage.cli.aws import Aws
    from moorage.cli.deployment import Deployment

    found = assembly.read(path)
    there = [stack for stack in reversed(found.stacks) if Deployment(Aws(where), stack.name).describe() is not None]
    if not there:
        names = ", ".join(stack.name for stack in found.stacks)
        raise Failure(str(path), f"none of its stacks exists ({names})", "Was --stack given? Then name the stack.")
    for stack in there:
        delete(where, stack.name)


def delete(where: Address, name: str) -> None:
    from moorage.cli import progress
    from moorage.cli.aws import Aws
    from moorage.cli.deployment import Deployment

    with progress.of(f"deleting stack {name}") as view:
        for event in Deployment(Aws(where), name).delete():
            view.show(event)
