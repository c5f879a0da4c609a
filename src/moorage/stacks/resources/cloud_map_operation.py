"""Waiting for a Cloud Map operation: the answer that ends the wait, and the failure that it may report."""

from moorage.stacks.resources.script import Answer, Failed, Until, ask


def finished(operation: str) -> Until:
    """Wait until the operation with this id has succeeded."""
    return Until(ask("servicediscovery", "GetOperation", OperationId=operation), _succeeded)


def _succeeded(answer: Answer) -> bool:
    operation = answer["Operation"]
    if operation["Status"] == "FAIL":
        raise Failed(operation.get("ErrorMessage") or "The operation failed.", "NotStabilized")
    return bool(operation["Status"] == "SUCCESS")
