"""A task from its network to its removal: addresses, start once, exit codes, signals, output."""

import signal
from pathlib import Path

import pytest

from moorage.engine.ports import CannotPull, CannotStart, NotRunning
from moorage.planning.actions import ContainerPhase, ContainerSpec, File, HealthCheck, HostsEntry, TaskSpec
from moorage.runtime.netns import NetnsRuntime

from .conftest import Bench, ended, get, lines, listening, run, seen, serve, sh, until

pytestmark = pytest.mark.namespaces


async def test_a_server_of_a_task_answers_through_dial(runtime: NetnsRuntime) -> None:
    await serve(runtime, "alpha", 80)
    assert await get(await runtime.dial("alpha", 80)) == "alpha 127.0.0.1"


async def test_nothing_listening_is_not_running(runtime: NetnsRuntime) -> None:
    await runtime.prepare(TaskSpec("alpha", "alpha"))
    with pytest.raises(NotRunning, match="Connection refused"):
        await runtime.dial("alpha", 81)
    with pytest.raises(NotRunning):
        await runtime.dial("nobody", 81)


async def test_preparing_twice_keeps_the_address_and_starting_twice_starts_once(runtime: NetnsRuntime) -> None:
    first = await runtime.prepare(TaskSpec("alpha", "alpha"))
    spec = await run(runtime, "alpha", "sh", "-c", "echo once")
    await ended(runtime, "alpha", "main")
    await runtime.start(spec)
    assert await runtime.prepare(TaskSpec("alpha", "alpha")) == first
    assert await lines(runtime, "alpha") == ["once"]


async def test_a_program_starts_with_the_default_for_each_signal_whoever_started_moorage(bench: Bench) -> None:
    former = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    try:
        runtime = bench.open()
        await run(runtime, "alpha", "sleep", "60")
    finally:
        signal.signal(signal.SIGQUIT, former)
    status = (await sh(runtime, "alpha", "grep -E 'SigIgn|SigBlk' /proc/1/status")).output
    # 32 and 33 are the C library's own: it lets no program touch them.
    reserved = 0b11 << 31
    assert {int(line.split()[1], 16) & ~reserved for line in status.splitlines()} == {0}


async def test_a_started_container_is_seen_running_and_its_exit_code_is_kept(runtime: NetnsRuntime) -> None:
    await run(runtime, "alpha", "sh", "-c", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done")

    async def ready() -> bool:
        return await lines(runtime, "alpha") == ["ready"]

    await until(ready, "the program treats SIGTERM")
    running = await seen(runtime, "alpha", "main")
    assert running.phase is ContainerPhase.RUNNING
    assert running.started_at is not None and running.exit_code is None
    await runtime.signal("alpha", "main", signal.SIGTERM)
    gone = await ended(runtime, "alpha", "main")
    assert gone.exit_code == 3
    assert gone.stopped_at is not None and gone.stopped_at >= running.started_at


async def test_sigkill_ends_every_process_of_a_container(runtime: NetnsRuntime) -> None:
    await run(runtime, "alpha", "sh", "-c", "python /app/server.py 4001 & wait")
    await listening(runtime, "alpha", 4001)
    await runtime.signal("alpha", "main", signal.SIGKILL)
    assert (await ended(runtime, "alpha", "main")).exit_code == 137
    with pytest.raises(NotRunning):
        await runtime.dial("alpha", 4001)


async def test_a_program_that_does_not_exist_cannot_start_and_leaves_no_container(runtime: NetnsRuntime) -> None:
    with pytest.raises(CannotStart, match='exec: "no-such-program": executable file not found in \\$PATH'):
        await run(runtime, "alpha", "no-such-program")
    observation = await runtime.observe("alpha")
    assert observation is not None and observation.containers == {}


async def test_what_cannot_be_started_is_refused_by_name(runtime: NetnsRuntime) -> None:
    with pytest.raises(CannotStart, match="was not prepared"):
        await runtime.start(ContainerSpec("alpha", "main", "plain", command=("true",)))
    await runtime.prepare(TaskSpec("alpha", "alpha"))
    with pytest.raises(CannotPull, match="nowhere"):
        await runtime.start(ContainerSpec("alpha", "main", "nowhere", command=("true",)))
    with pytest.raises(CannotStart, match="no command specified"):
        await runtime.start(ContainerSpec("alpha", "main", "plain"))
    with pytest.raises(CannotStart, match="unable to find user stranger"):
        await runtime.start(ContainerSpec("alpha", "main", "plain", command=("true",), user="stranger"))


async def test_both_streams_are_kept_line_by_line_and_outlive_the_task(runtime: NetnsRuntime) -> None:
    await run(runtime, "alpha", "sh", "-c", "echo out; sleep 0.1; echo err >&2; printf unfinished")
    await ended(runtime, "alpha", "main")
    await runtime.remove("alpha")
    kept = [(line.stream, line.text) async for line in runtime.logs("alpha", "main", None, follow=False)]
    assert kept == [("stdout", "out"), ("stderr", "err"), ("stdout", "unfinished")]


async def test_following_the_output_ends_with_the_container(runtime: NetnsRuntime) -> None:
    await run(runtime, "alpha", "sh", "-c", "for n in 1 2 3; do echo $n; sleep 0.1; done")
    assert [line.text async for line in runtime.logs("alpha", "main", None, follow=True)] == ["1", "2", "3"]


async def test_a_removed_task_is_forgotten_and_its_address_is_not_given_again_soon(runtime: NetnsRuntime) -> None:
    first = await serve(runtime, "alpha", 80)
    await runtime.remove("alpha")
    await runtime.remove("alpha")
    assert await runtime.observe("alpha") is None
    assert await runtime.tasks() == {}
    assert await runtime.prepare(TaskSpec("beta", "beta")) != first


async def test_changes_are_nudged(runtime: NetnsRuntime) -> None:
    heard: set[str] = set()
    runtime.watch(heard.add)
    await run(runtime, "alpha", "true")

    async def told() -> bool:
        return "alpha" in heard

    await until(told, "a nudge arrives")


async def test_the_program_sees_its_environment_directory_files_and_host_name(bench: Bench) -> None:
    runtime = bench.open()
    bench.image("set", {}, env=(("A", "image"), ("B", "image")), working_directory="/app", entry_point=("sh", "-c"))
    await runtime.prepare(TaskSpec("alpha", "my-host"))
    script = 'echo "$A $B $(pwd) $(hostname) $HOSTNAME $(cat /etc/extra/file)"; stat -c %a /etc/extra/file'
    await runtime.start(
        ContainerSpec(
            *("alpha", "main", "set"),
            command=(script,),
            environment=(("B", "own"),),
            files=(File("/etc/extra/file", "content", 0o440),),
        )
    )
    assert (await ended(runtime, "alpha", "main")).exit_code == 0
    assert await lines(runtime, "alpha") == ["image own /app my-host my-host content", "440"]


@pytest.mark.parametrize(("user", "uid"), [(None, "65534"), ("1234", "1234"), ("proxy", "20000")])
async def test_a_program_runs_as_its_user_without_any_capability(
    runtime: NetnsRuntime, user: str | None, uid: str
) -> None:
    script = "id -u; grep -E 'Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs' /proc/self/status | tr -d '\\t' | cut -d: -f2"
    await run(runtime, "alpha", "sh", "-c", script, user=user)
    assert (await ended(runtime, "alpha", "main")).exit_code == 0
    assert await lines(runtime, "alpha") == [uid, *["0" * 16] * 4, "1"]


async def test_a_read_only_root_cannot_be_written(runtime: NetnsRuntime) -> None:
    await run(runtime, "alpha", "sh", "-c", "touch /tmp/x", read_only_root=True)
    assert (await ended(runtime, "alpha", "main")).exit_code == 1
    assert "Read-only file system" in (await lines(runtime, "alpha"))[0]


@pytest.mark.parametrize("read_only", [False, True])
async def test_names_are_rewritten_in_containers_that_run(runtime: NetnsRuntime, read_only: bool) -> None:
    await run(runtime, "alpha", "sleep", "60", user="root", read_only_root=read_only)
    await runtime.name("alpha", [HostsEntry("127.255.0.1", "first.example"), HostsEntry("127.255.0.2", "second")])
    assert (
        await sh(runtime, "alpha", "tail -n 2 /etc/hosts")
    ).output == "127.255.0.1 first.example\n127.255.0.2 second\n"
    await runtime.name("alpha", [HostsEntry("127.255.0.2", "second")])
    found = (await sh(runtime, "alpha", "cat /etc/hosts")).output.splitlines()
    assert found[0] == "127.0.0.1 localhost"
    assert found[-1] == "127.255.0.2 second"
    assert not any("first.example" in line for line in found)


async def test_health_checks_turn_healthy_and_then_unhealthy(bench: Bench) -> None:
    runtime = bench.open()
    check = HealthCheck(("CMD-SHELL", "test ! -e /tmp/broken"), interval=1, timeout=1, retries=1)
    await run(runtime, "alpha", "sleep", "60", health_check=check)

    async def healthy() -> bool:
        return (await seen(runtime, "alpha", "main")).health == "HEALTHY"

    async def unhealthy() -> bool:
        return (await seen(runtime, "alpha", "main")).health == "UNHEALTHY"

    await until(healthy, "the container becomes healthy")
    await sh(runtime, "alpha", "touch /tmp/broken")
    await until(unhealthy, "the container becomes unhealthy")


async def test_a_program_run_inside_reports_its_exit_code_and_is_ended_when_late(runtime: NetnsRuntime) -> None:
    await run(runtime, "alpha", "sleep", "60")
    result = await sh(runtime, "alpha", "echo seen; exit 9")
    assert (result.exit_code, result.output) == (9, "seen\n")
    late = await runtime.exec("alpha", "main", ["sleep", "61"], {}, within=0.2)
    assert late.exit_code == 124

    async def gone() -> bool:
        return "sleep 61" not in (await sh(runtime, "alpha", "cat /proc/*/cmdline | tr '\\0' ' '")).output

    await until(gone, "the late program is ended")
    with pytest.raises(CannotStart, match="executable file not found"):
        await runtime.exec("alpha", "main", ["no-such-program"], {})


async def test_image_files_lie_above_the_hosts_and_programs_may_write_on_top(bench: Bench, place: Path) -> None:
    runtime = bench.open()
    bench.image("layers", {"bin/own": "#!/bin/sh\necho own\n", "usr/share/own": "s", "etc/passwd": "u:x:77:78::/h:\n"})
    for program in ("bin/own",):
        (place / "images/layers" / program).chmod(0o755)
    await runtime.prepare(TaskSpec("alpha", "alpha"))
    script = "own && cat /usr/share/own && ls -d /bin && id -u && id -g && echo ok > /app/new && cat /app/new; env"
    await runtime.start(
        ContainerSpec("alpha", "main", "layers", command=("sh", "-c", script), user="u", working_directory="/app")
    )
    await ended(runtime, "alpha", "main")
    written = await lines(runtime, "alpha")
    assert written[:5] == ["own", "s/bin", "77", "78", "ok"]
    assert "HOME=/h" in written
    assert not (place / "images/layers/app/new").exists()
