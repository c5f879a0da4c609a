"""In which subnets new tasks are put, and so in which availability zones: spread evenly, ties broken by name.

Counts what is there already; nothing is moved. Which subnets exist, the API asked of EC2.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from moorage.domain.network import Subnet
from moorage.domain.service import Deployment
from moorage.domain.task import ENDING, Task, TaskState, stop_of
from moorage.domain.world import World


def spread(subnets: Sequence[Subnet], taken: Iterable[str], count: int) -> list[Subnet]:
    """Subnets for `count` more tasks beside those whose subnets are `taken`: the emptiest zone, its emptiest subnet."""
    by_id = {subnet.id: subnet for subnet in subnets}
    used = Counter(each for each in taken if each in by_id)
    zones = Counter({by_id[each].zone: 0 for each in by_id})
    for each, number in used.items():
        zones[by_id[each].zone] += number
    chosen = []
    for _ in range(count if by_id else 0):
        best = min(by_id.values(), key=lambda subnet: (zones[subnet.zone], subnet.zone, used[subnet.id], subnet.id))
        used[best.id] += 1
        zones[best.zone] += 1
        chosen.append(best)
    return chosen


def beside(world: World, deployment: Deployment) -> list[str]:
    """The subnets of the deployment's tasks that are there to stay."""
    tasks = ((task, world.get(TaskState, task.key)) for task in world.linked(Task, "deployment", deployment.key))
    return [
        task.subnet
        for task, state in tasks
        if stop_of(task, state) is None and (state is None or state.status not in ENDING)
    ]


def placed(tasks: Sequence[Task], subnets: Sequence[Subnet], taken: Iterable[str]) -> list[Task]:
    """The tasks with a subnet and its zone each; as they are where there are no subnets to choose from."""
    chosen = spread(subnets, taken, len(tasks))
    if not chosen:
        return list(tasks)
    return [
        replace(task, subnet=subnet.id, availability_zone=subnet.zone, vpc=subnet.vpc)
        for task, subnet in zip(tasks, chosen, strict=True)
    ]
