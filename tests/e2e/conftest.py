"""End-to-end fixtures: one Moorage for each test module, and proof that it leaves the machine as it was."""

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from leftovers import Machine
from place import Place, place

from moorage.runtime.supervisor.prerequisites import prerequisites


@cache
def missing() -> str:
    """What keeps this machine from making namespaces; empty if nothing does."""
    return "; ".join(f"{name}: {sentence}" for name, verdict, sentence in prerequisites() if verdict == "failure")


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Skip, with the reason, where namespaces are impossible; fail there when MOORAGE_REQUIRE_NAMESPACES=1."""
    if missing():
        if os.environ.get("MOORAGE_REQUIRE_NAMESPACES") == "1":
            pytest.fail(f"namespaces are required but impossible here: {missing()}")
        pytest.skip(missing())


@pytest.fixture(scope="module")
def moorage(
    namespaces: None, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Place]:
    """A running daemon with the cluster `demo` in the namespace `mesh.local`, and the image `probe`.

    A module's SETTINGS are environment variables of its daemon.
    """
    directory = tmp_path_factory.mktemp("moorage")
    before = Machine.now(str(directory))
    with place(directory, **getattr(request.module, "SETTINGS", {})) as made:
        made.ecs.create_cluster(clusterName="demo", serviceConnectDefaults={"namespace": "mesh.local"})
        yield made
    assert Machine.now(str(directory)) == before
