"""What depends on what, and in which order it goes: waves of resources that can be made side by side."""

from collections.abc import Iterator, Mapping, Set

from moorage.stacks import intrinsics
from moorage.stacks.nodes import Call, Items, Node, Scalar, TemplateError, children
from moorage.stacks.scope import Scope
from moorage.stacks.template import ResourceDeclaration, as_text


def waves(depends: Mapping[str, Set[str]]) -> list[list[str]]:
    """The names in waves: each wave depends on earlier ones only. A cycle is refused, its members named."""
    left = {name: set(others) & set(depends) for name, others in depends.items()}
    result: list[list[str]] = []
    while left:
        wave = sorted(name for name, others in left.items() if not others)
        if not wave:
            raise TemplateError(("Resources",), f"Circular dependency between resources: [{', '.join(_cycle(left))}]")
        result.append(wave)
        left = {name: others.difference(wave) for name, others in left.items() if name not in wave}
    return result


def _cycle(depends: Mapping[str, Set[str]]) -> list[str]:
    """The members of one cycle: follow dependencies until a name comes round again."""
    path = [min(depends)]
    while True:
        following = min(depends[path[-1]])
        if following in path:
            return sorted(path[path.index(following) :])
        path.append(following)


def dependencies(resource: ResourceDeclaration, scope: Scope, names: Set[str]) -> frozenset[str]:
    """The resources that must exist before this one: by DependsOn, or because its properties speak of them."""
    implied = spoken_of(resource.properties, scope)
    return frozenset((implied | set(resource.depends_on)) & names - {resource.logical_id})


def spoken_of(node: Node, scope: Scope) -> set[str]:
    """The names that Ref, Fn::GetAtt and Fn::Sub mention in the branches that the conditions choose."""
    names: set[str] = set()
    for one in live(node, scope):
        names |= mentioned(one)
    return names


def live(node: Node, scope: Scope) -> Iterator[Node]:
    """The node and what is below it, but of every Fn::If only the branch that its condition chooses."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        match current:
            case Call("Fn::If", Items((Scalar(name), when_true, when_false))):
                pending.append(when_true if scope.conditions.get(as_text(name)) else when_false)
            case _:
                pending.extend(children(current))


def mentioned(node: Node) -> set[str]:
    """The names that a call itself mentions, not those inside its arguments."""
    match node:
        case Call("Ref", Scalar(str(name))):
            return {name}
        case Call("Fn::GetAtt", Items((Scalar(str(name)), *_))):
            return {name}
        case Call("Fn::Sub", Scalar(str(text)) | Items((Scalar(str(text)), *_))):
            return {name.partition(".")[0] for name in intrinsics.variables(text)}
        case _:
            return set()
