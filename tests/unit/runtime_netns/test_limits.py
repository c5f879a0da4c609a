"""Memory and CPU: what the machine's control groups enforce, and that an end by memory is told in ECS's words."""

from pathlib import Path

import pytest

from moorage.planning.actions import ContainerSpec, Limits, TaskSpec
from moorage.runtime.netns import NetnsRuntime
from moorage.runtime.supervisor import cgroups
from moorage.runtime.supervisor.protocol import Refused

from .conftest import ended

GREEDY = "x = bytearray(200 << 20); print('kept')"
KILLED = "OutOfMemoryError: Container killed due to memory usage"


@pytest.fixture
async def limited(runtime: NetnsRuntime) -> NetnsRuntime:
    if not (await runtime.facts())["limits"]:
        pytest.skip("this user can make no control group here: limits are not enforced, as `moorage check` says")
    return runtime


@pytest.mark.namespaces
@pytest.mark.parametrize(
    ("of_task", "of_container"), [(Limits(), Limits(memory=64)), (Limits(memory=64), Limits())], ids=["own", "task's"]
)
async def test_a_container_beyond_its_memory_is_ended_with_ecs_reason(
    limited: NetnsRuntime, of_task: Limits, of_container: Limits
) -> None:
    await limited.prepare(TaskSpec("alpha", "alpha", limits=of_task))
    await limited.start(ContainerSpec("alpha", "main", "plain", command=("python", "-c", GREEDY), limits=of_container))
    found = await ended(limited, "alpha", "main")
    assert (found.exit_code, found.reason) == (137, KILLED)


@pytest.mark.namespaces
async def test_a_killed_container_that_had_enough_memory_gets_no_such_reason(limited: NetnsRuntime) -> None:
    await limited.prepare(TaskSpec("alpha", "alpha", limits=Limits(memory=256)))
    await limited.start(ContainerSpec("alpha", "main", "plain", command=("sleep", "60"), limits=Limits(memory=64)))
    await limited.signal("alpha", "main", 9)
    found = await ended(limited, "alpha", "main")
    assert (found.exit_code, found.reason) == (137, None)


@pytest.mark.namespaces
async def test_the_cpu_of_a_task_is_a_ceiling(limited: NetnsRuntime) -> None:
    await limited.prepare(TaskSpec("alpha", "alpha", limits=Limits(cpu=256)))
    busy = (
        "import time; wall, cpu = time.monotonic(), time.process_time()\n"
        "while time.monotonic() - wall < 1.5: pass\n"
        "print((time.process_time() - cpu) / (time.monotonic() - wall))"
    )
    await limited.start(ContainerSpec("alpha", "main", "plain", command=("python", "-c", busy)))
    await ended(limited, "alpha", "main")
    [share] = [line.text async for line in limited.logs("alpha", "main", None, follow=False)]
    assert float(share) < 0.4


def test_version_2_limits_go_into_its_files(tmp_path: Path) -> None:
    groups = cgroups.Cgroups(2, {"memory": tmp_path, "cpu": tmp_path})
    groups.make_task("t", cgroups.Limits(cpu=512, memory=100))
    joins = groups.make_container("t", "c", cgroups.Limits(cpu=1024, memory=64, swap=32))
    assert joins == [str(tmp_path / "t/c/cgroup.procs")]
    written = {str(file.relative_to(tmp_path)): file.read_text() for file in tmp_path.rglob("*.*") if file.is_file()}
    assert written == {
        "t/cgroup.subtree_control": "+memory +cpu",
        "t/memory.max": str(100 << 20),
        "t/memory.swap.max": "0",
        "t/cpu.max": "50000 100000",
        "t/c/memory.max": str(64 << 20),
        "t/c/memory.swap.max": str(32 << 20),
        "t/c/cpu.weight": "39",
    }
    (tmp_path / "t/c/memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    assert groups.ran_out_of_memory("t", "c")
    (tmp_path / "t/c/memory.events").write_text("low 0\noom 0\noom_kill 0\n")
    assert not groups.ran_out_of_memory("t", "c")


def test_version_1_counts_swap_with_memory_and_has_a_swappiness(tmp_path: Path) -> None:
    groups = cgroups.Cgroups(1, {"memory": tmp_path})
    (tmp_path / "t").mkdir()
    groups.make_container("t", "c", cgroups.Limits(memory=64, swap=32, swappiness=10))
    written = {file.name: file.read_text() for file in (tmp_path / "t/c").iterdir()}
    assert written == {
        "memory.limit_in_bytes": str(64 << 20),
        "memory.memsw.limit_in_bytes": str(96 << 20),
        "memory.swappiness": "10",
    }


def test_version_2_has_no_swappiness_and_says_so(tmp_path: Path) -> None:
    groups = cgroups.Cgroups(2, {"memory": tmp_path})
    (tmp_path / "t").mkdir()
    with pytest.raises(Refused, match="swappiness cannot be set"):
        groups.make_container("t", "c", cgroups.Limits(memory=64, swap=32, swappiness=10))
