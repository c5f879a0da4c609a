"""`moorage exec`: a command in a container of a running task, by ECS's own ExecuteCommand; no plugin is needed."""

import asyncio
import shlex
import sys
from typing import Annotated

import typer

from moorage.cli import address
from moorage.cli.failure import Failure


def exec_(
    name: Annotated[str, typer.Argument(metavar="SERVICE|TASK")],
    command: Annotated[list[str], typer.Argument(metavar="-- CMD…", help="The program and its arguments.")],
    container: Annotated[str | None, typer.Option("--container", "-c", help="Where there are several.")] = None,
) -> int:
    """Run a command in a container of a running task; its exit code is this command's."""
    from moorage.cli import lookup
    from moorage.cli.aws import Aws
    from moorage.cli.exec_session import Streams, run

    aws = Aws(address.find())
    task = lookup.runner(lookup.meant(aws, name))
    own = task.containers(proxy=False)
    if container is None and len(own) > 1:
        raise Failure(name, f"its tasks have {len(own)} containers: {', '.join(own)}", "Name one by --container.", 2)
    if not task.document.get("enableExecuteCommand"):
        why = "it was started without enableExecuteCommand"
        raise Failure(name, why, "Set it on the service, with a taskRoleArn on the task definition, and deploy again.")
    granted = aws.call(
        "ecs",
        "execute_command",
        cluster=task.cluster,
        task=task.id,
        container=container or own[0],
        command=shlex.join(command),
        interactive=True,
    )
    session = granted["session"]
    url = "ws" + aws.address.url.removeprefix("http") + "/" + session["streamUrl"].split("/", 3)[3]
    return asyncio.run(run(url, session["tokenValue"], Streams(sys.stdin.fileno(), sys.stdout.fileno())))
