"""The life of a task as a diagram, drawn from the table in `moorage.domain.task`."""

from moorage.domain.task import TRANSITIONS, Status


def diagram() -> str:
    """A mermaid state diagram."""
    arrows = [f"    {source} --> {end}: {step}" for source, ways in TRANSITIONS.items() for step, end in ways.items()]
    first, last = f"    [*] --> {Status.PROVISIONING}", f"    {Status.STOPPED} --> [*]"
    return "\n".join(["```mermaid", "stateDiagram-v2", first, *arrows, last, "```"])
