"""Commands in running containers: by ECS's ExecuteCommand in the plugin's protocol, and by `moorage exec`."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from place import IMAGES, Place
from plugin import Plugin
from websockets.exceptions import ConnectionClosed

ROLE = "arn:aws:iam::000000000000:role/app"


@pytest.fixture(scope="module")
def task(moorage: Place) -> str:
    """A running task that may be entered; its id."""
    moorage.run("image", "add", "inside", str(IMAGES / "probe"))  # what it was before is gone when Moorage has stopped
    moorage.run("image", "add", "inside", str(IMAGES / "inside"))
    assert moorage.role("app") == ROLE
    moorage.ecs.register_task_definition(
        family="entered",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        taskRoleArn=ROLE,
        containerDefinitions=[{"name": "app", "image": "inside", "environment": [{"name": "COLOUR", "value": "blue"}]}],
    )
    subnet = moorage.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    moorage.ecs.create_service(
        cluster="demo",
        serviceName="entered",
        taskDefinition="entered",
        desiredCount=1,
        launchType="FARGATE",
        enableExecuteCommand=True,
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
    )
    moorage.stable("entered")
    arn: str = moorage.ecs.list_tasks(cluster="demo", serviceName="entered")["taskArns"][0]
    return arn.rsplit("/", 1)[1]


def execute(moorage: Place, task: str, command: str, **more: Any) -> Plugin:
    granted = moorage.ecs.execute_command(cluster="demo", task=task, command=command, interactive=True, **more)
    assert granted["containerName"] == "app"
    assert granted["taskArn"].endswith(task)
    return Plugin(granted["session"])


def test_a_shell_by_the_plugins_protocol(moorage: Place, task: str) -> None:
    shell = execute(moorage, task, "/bin/sh")
    shell.open()
    shell.size(41, 123)
    shell.type("stty size; echo colour=$COLOUR; test -t 0 && echo on a terminal\r")
    shell.until(b"\r\non a terminal\r\n")
    assert b"41 123" in shell.output
    assert b"colour=blue" in shell.output
    shell.type("exit 3\r")
    shell.to_the_end()
    assert shell.closed is not None
    assert shell.closed["SessionId"] == shell.session["sessionId"]
    assert shell.kinds[:2] == [5, 7]
    assert shell.acknowledged >= {0, 1, 2}


def test_output_that_the_plugin_was_not_ready_for_comes_again(moorage: Place, task: str) -> None:
    session = execute(moorage, task, "sh -c 'echo first; read line; echo second $line'")
    session.ready = False
    session.open()
    session.until(b"first")
    assert session.ready
    session.type("said\r")
    session.to_the_end()
    assert session.output.count(b"first") == 1
    assert b"second said" in session.output


def test_input_is_read_in_the_order_of_its_numbers(moorage: Place, task: str) -> None:
    session = execute(moorage, task, "sh -c 'read line; echo heard $line'")
    session.open()
    session.type_in_turn("one ", "two ", "three\r")
    session.to_the_end()
    assert b"heard one two three" in session.output


def test_ctrl_c_reaches_the_program(moorage: Place, task: str) -> None:
    shell = execute(moorage, task, "sh -c 'trap \"echo caught; exit\" INT; echo ready; while :; do sleep 0.1; done'")
    shell.open()
    shell.until(b"ready")
    shell.type("\x03")
    shell.to_the_end()
    assert b"caught" in shell.output


def test_much_output_comes_whole_and_in_order(moorage: Place, task: str) -> None:
    session = execute(moorage, task, "seq 200000")
    session.open()
    session.to_the_end(60)
    assert session.output.replace(b"\r\n", b"\n") == b"".join(b"%d\n" % number for number in range(1, 200001))


def test_the_session_ends_when_its_client_asks_for_it(moorage: Place, task: str) -> None:
    session = execute(moorage, task, "sh -c 'echo up; exec sleep 7654'")
    session.open()
    session.until(b"up")
    assert sleeping(moorage, task)
    session.terminate()
    moorage.until(lambda: not sleeping(moorage, task), "the program is gone")


def sleeping(moorage: Place, task: str) -> bool:
    script = (
        "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$f | grep -q '^sleep 7654' && exit 0; done 2>/dev/null; exit 1"
    )
    return moorage.run("exec", task, "--", "sh", "-c", script, check=False).returncode == 0


def test_a_token_opens_its_own_session_once(moorage: Place, task: str) -> None:
    first, second = execute(moorage, task, "echo one"), execute(moorage, task, "echo two")
    with pytest.raises(ConnectionClosed):
        first.open(token=second.session["tokenValue"])
    first = Plugin(first.session)
    first.open()
    first.to_the_end()
    assert first.output == b"one\r\n"
    with pytest.raises(ConnectionClosed):
        Plugin(first.session).open()


def test_what_cannot_be_run_says_so_in_the_session(moorage: Place, task: str) -> None:
    session = execute(moorage, task, "no-such-program")
    session.open()
    session.to_the_end()
    assert session.closed is not None
    assert "executable file not found" in session.closed["Output"]


def test_describe_tasks_tells_that_the_container_can_be_entered(moorage: Place, task: str) -> None:
    found = moorage.ecs.describe_tasks(cluster="demo", tasks=[task])["tasks"][0]
    assert found["enableExecuteCommand"] is True
    [agent] = found["containers"][0]["managedAgents"]
    assert (agent["name"], agent["lastStatus"]) == ("ExecuteCommandAgent", "RUNNING")


def test_a_task_that_was_not_enabled_refuses_in_the_words_of_ecs(moorage: Place, task: str) -> None:
    subnet = moorage.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    made = moorage.ecs.run_task(
        cluster="demo",
        taskDefinition="entered",
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
    )["tasks"][0]["taskArn"]
    with pytest.raises(ClientError) as refusal:
        moorage.ecs.execute_command(cluster="demo", task=made, command="sh", interactive=True)
    assert refusal.value.response["Error"] == {
        "Code": "InvalidParameterException",
        "Message": "The execute command failed because execute command was not enabled when the task was run or the "
        "execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and "
        "try again.",
    }
    moorage.ecs.stop_task(cluster="demo", task=made)


# --- moorage exec ---


def test_moorage_exec_gives_output_and_exit_code_as_they_are(moorage: Place, task: str) -> None:
    done = moorage.run("exec", "entered", "--", "sh", "-c", "printf 'a b\\n'; exit 5", check=False)
    assert (done.stdout, done.returncode) == ("a b\n", 5), done.stderr
    done = moorage.run("exec", task[:8], "--container", "app", "--", "printf", "%s|", "it's", "a b", "$HOME")
    assert done.stdout == "it's|a b|$HOME|"
    done = moorage.run("exec", "entered", "--", "no-such-program", check=False)
    assert done.returncode == 126
    assert "executable file not found" in done.stderr


def test_moorage_exec_passes_input_on_to_its_end(moorage: Place, task: str) -> None:
    text = json.dumps(list(range(50_000)))
    done = subprocess.run(
        [sys.executable, "-m", "moorage", "exec", "entered", "--", "sha256sum"],
        env=dict(moorage.environment),
        input=text.encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    wanted = subprocess.run(["sha256sum"], input=text.encode(), capture_output=True, check=True)
    assert done.stdout == wanted.stdout


def test_moorage_exec_is_a_terminal_on_a_terminal(moorage: Place, task: str) -> None:
    master, slave = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "moorage", "exec", "entered", "--", "sh"],
        env=dict(moorage.environment),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    try:
        os.close(slave)
        os.write(master, b"test -t 0 && echo it is $COLOUR\r")
        _until(master, b"it is blue")
        os.write(master, b"exit 9\r")
        assert program.wait(20) == 9
    finally:
        program.kill()
        program.wait()
        os.close(master)


def _until(master: int, words: bytes) -> None:
    seen, end = b"", time.monotonic() + 30
    while words not in seen:
        assert time.monotonic() < end, seen
        if select.select([master], [], [], 1)[0]:
            seen += os.read(master, 4096)


def test_moorage_exec_says_what_a_service_lacks_that_it_cannot_enter(moorage: Place, task: str) -> None:
    done = moorage.run("exec", "no-such-service", "--", "sh", check=False)
    assert done.returncode == 1
    assert "there is no service or task of this name" in done.stderr


def test_a_session_that_is_open_does_not_keep_moorage_from_stopping(moorage: Place, task: str) -> None:
    """The last test of its module: nothing may be left when the daemon has stopped, and the fixture looks."""
    session = execute(moorage, task, "sh -c 'echo up; exec sleep 7655'")
    session.open()
    session.until(b"up")
