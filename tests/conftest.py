"""The order of the suite: the files that take longest come first, so that no worker ends alone with one of them."""

import pytest

FIRST = (
    "tests/unit/runtime_netns/test_ordinary_user.py",
    "tests/e2e/test_ordinary_user.py",
    "tests/e2e/",
    "tests/api/cloudformation/",
    "tests/api/support/",
    "tests/unit/runtime_netns/",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Stable, so that each file keeps its own order; every worker must come to the same."""

    def rank(item: pytest.Item) -> int:
        place = item.path.relative_to(config.rootpath).as_posix()
        return next((number for number, name in enumerate(FIRST) if place.startswith(name)), len(FIRST))

    items.sort(key=rank)
