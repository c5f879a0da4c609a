"""End-to-end fixtures: one Moorage for each test module, and proof that it leaves the machine as it was."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from leftovers import Machine
from place import Place, place


@pytest.fixture(scope="module")
def moorage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A running daemon with the cluster `demo` in the namespace `mesh.local`, and the image `probe`."""
    directory = tmp_path_factory.mktemp("moorage")
    before = Machine.now(str(directory))
    with place(directory) as made:
        made.ecs.create_cluster(clusterName="demo", serviceConnectDefaults={"namespace": "mesh.local"})
        yield made
    assert Machine.now(str(directory)) == before
