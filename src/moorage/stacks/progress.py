"""The life of a stack, status by status: what each waits for, what it does meanwhile, where it leads.

Pure: reads and writes a Ledger. The acts themselves are performed by the engine.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from moorage.domain.stack import ResourceStatus, StackResource, StackStatus
from moorage.stacks import blueprint as blueprints
from moorage.stacks import forward, removal, reverting
from moorage.stacks.blueprint import Blueprint
from moorage.stacks.ledger import Ledger
from moorage.stacks.nodes import TemplateError

S = StackStatus


@dataclass(frozen=True)
class Neighbours:
    """The other stacks, as far as exports tie them together.

    `importers` names the stacks that use an export, `exporter` another stack that exports a name (or nothing);
    `values` and `versions` are those of the claims that this stack holds.
    """

    importers: Callable[[str], list[str]]
    exporter: Callable[[str], str]
    values: Mapping[str, str]
    versions: Mapping[str, int]


def advance(ledger: Ledger, draw: Callable[[], Blueprint], neighbours: Neighbours) -> None:
    """Take the stack as far as it goes without waiting. `draw` gives the blueprint of the stack's source."""
    before = None
    while ledger.stack.status is not before and ledger.stack.status.moving:
        before = ledger.stack.status
        _STEPS[before](ledger, draw, neighbours)


def to_be_stopped(ledger: Ledger) -> set[str]:
    """The resources whose making or changing is to be broken off: another failed, or the stack is to go."""
    onward = ledger.stack.status in {S.CREATE_IN_PROGRESS, S.UPDATE_IN_PROGRESS} and not ledger.failed()
    moving = [one for one in ledger.moving() if one.status is not ResourceStatus.DELETE_IN_PROGRESS]
    if onward:
        return set()
    if ledger.stack.status is S.UPDATE_ROLLBACK_IN_PROGRESS:
        moving = [one for one in moving if not ledger.dealt_with(one)]
    return {one.logical_id for one in moving}


def _creating(ledger: Ledger, draw: Callable[[], Blueprint], neighbours: Neighbours) -> None:
    reason = _forward(ledger, draw, neighbours, S.CREATE_COMPLETE)
    if reason is None:
        return
    match ledger.stack.on_failure:
        case "DO_NOTHING":
            ledger.turn(S.CREATE_FAILED, reason)
        case "DELETE":
            ledger.turn(S.DELETE_IN_PROGRESS, f"{reason} Delete requested by user.")
        case _:
            ledger.turn(S.ROLLBACK_IN_PROGRESS, f"{reason} Rollback requested by user.")


def _updating(ledger: Ledger, draw: Callable[[], Blueprint], neighbours: Neighbours) -> None:
    reason = _forward(ledger, draw, neighbours, S.UPDATE_COMPLETE_CLEANUP_IN_PROGRESS)
    if reason is not None:
        ledger.turn(S.UPDATE_ROLLBACK_IN_PROGRESS, reason)


def _forward(ledger: Ledger, draw: Callable[[], Blueprint], neighbours: Neighbours, onward: StackStatus) -> str | None:
    """Go forward; turn to `onward` when all is there. The reason when it has failed and come to rest."""
    try:
        blueprint = draw()
        finished = forward.advance(ledger, blueprint)
        if finished:
            _finish(ledger, blueprint, neighbours, onward)
    except TemplateError as error:
        return error.sentence if not ledger.moving() else None
    failed = ledger.failed()
    if finished or not failed or ledger.moving():
        return None
    return _failures(ledger, failed)


def _failures(ledger: Ledger, failed: list[str]) -> str:
    verbs = {"CREATE_FAILED": "create", "UPDATE_FAILED": "update", "DELETE_FAILED": "delete"}
    sentences = []
    for status, verb in verbs.items():
        names = [name for name in failed if ledger.resources[name].status == status]
        if names:
            sentences.append(f"The following resource(s) failed to {verb}: [{', '.join(names)}].")
    return " ".join(sentences)


def _finish(ledger: Ledger, blueprint: Blueprint, neighbours: Neighbours, onward: StackStatus) -> None:
    outputs = blueprints.outputs(blueprint, ledger.existing())
    exported = {output.export: output.value for output in outputs if output.export}
    exports_free(exported, neighbours)
    exports_kept(exported, neighbours)
    ledger.export(outputs, neighbours.versions)
    ledger.turn(onward, outputs=outputs, imports=blueprints.imports(blueprint))


def exports_free(names: Iterable[str], neighbours: Neighbours) -> None:
    """No other stack may export a name that this one is to export."""
    for name in names:
        other = neighbours.exporter(name)
        if other:
            raise TemplateError(("Outputs",), f"Export with name {name} is already exported by stack {other}.")


def exports_kept(exported: Mapping[str, str | None], neighbours: Neighbours) -> None:
    """An export in use may neither go nor change; None for a value that is not known yet."""
    for name, value in neighbours.values.items():
        if name in exported and exported[name] in {None, value}:
            continue
        users = neighbours.importers(name)
        if users:
            verb = "updated" if name in exported else "deleted"
            raise TemplateError((), f"Export {name} cannot be {verb} as it is in use by {', '.join(users)}")


def _rolling_back(ledger: Ledger, _draw: Callable[[], Blueprint], _neighbours: Neighbours) -> None:
    if removal.advance(ledger, lambda _: True):
        failed = ledger.failed()
        ledger.turn(S.ROLLBACK_FAILED if failed else S.ROLLBACK_COMPLETE, _failures(ledger, failed), imports=())


def _deleting(ledger: Ledger, _draw: Callable[[], Blueprint], neighbours: Neighbours) -> None:
    if not removal.advance(ledger, lambda _: True):
        return
    failed = ledger.failed()
    if failed:
        ledger.turn(S.DELETE_FAILED, _failures(ledger, failed))
    else:
        ledger.release_name()
        ledger.export((), neighbours.versions)
        ledger.turn(S.DELETE_COMPLETE, deleted_at=ledger.now, imports=())


def _cleaning_up(ledger: Ledger, draw: Callable[[], Blueprint], _neighbours: Neighbours) -> None:
    wanted = draw().wanted
    if removal.advance(ledger, lambda resource: resource.logical_id not in wanted):
        _settle(ledger)
        ledger.turn(S.UPDATE_COMPLETE, before=None, updated_at=ledger.now)


def _reverting(ledger: Ledger, _draw: Callable[[], Blueprint], _neighbours: Neighbours) -> None:
    if not reverting.advance(ledger):
        return
    failed = ledger.failed()
    if failed:
        ledger.turn(S.UPDATE_ROLLBACK_FAILED, _failures(ledger, failed))
    else:
        source = ledger.stack.before or ledger.stack.source
        ledger.turn(S.UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS, source=source)


def _clearing(ledger: Ledger, draw: Callable[[], Blueprint], _neighbours: Neighbours) -> None:
    if removal.advance(ledger, _added):
        _settle(ledger)
        imports = blueprints.imports(draw())
        ledger.turn(S.UPDATE_ROLLBACK_COMPLETE, before=None, updated_at=ledger.now, imports=imports)


def _added(resource: StackResource) -> bool:
    return resource.touched and resource.before is None


def _settle(ledger: Ledger) -> None:
    """Forget what the update found, and what it could not make; the next update finds its own."""
    for resource in list(ledger.resources.values()):
        if resource.touched or resource.before is not None:
            gone = resource.current is None and not resource.doomed
            status = ResourceStatus.DELETE_COMPLETE if gone else resource.status
            ledger.put(replace(resource, touched=False, before=None, status=status))


_STEPS: Mapping[StackStatus, Callable[[Ledger, Callable[[], Blueprint], Neighbours], None]] = {
    S.CREATE_IN_PROGRESS: _creating,
    S.ROLLBACK_IN_PROGRESS: _rolling_back,
    S.DELETE_IN_PROGRESS: _deleting,
    S.UPDATE_IN_PROGRESS: _updating,
    S.UPDATE_COMPLETE_CLEANUP_IN_PROGRESS: _cleaning_up,
    S.UPDATE_ROLLBACK_IN_PROGRESS: _reverting,
    S.UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS: _clearing,
}
