"""Why an act failed, in CloudFormation's words: the handler's message around the service's own.

The forms are those of docs/reference/service-connect.md section 3. There is no request id to show: an operation that a
stack calls has none.
"""

from moorage.stacks.resources.script import Declined, Failed

_SERVICES = {
    "ec2": "Ec2",
    "iam": "Iam",
    "logs": "CloudWatchLogs",
    "servicediscovery": "ServiceDiscovery",
    "ssm": "Ssm",
}
_PREFIXES = {"RegisterTaskDefinition": "Create TaskDefinition: "}


def sentence(problem: Declined | Failed, token: str) -> str:
    """The status reason of the resource."""
    if isinstance(problem, Failed):
        return _wrapped(problem.reason, token, problem.handler_code)
    if problem.request.service == "ecs":
        return _wrapped(_of_ecs(problem), token, _handler_code(problem))
    service = _SERVICES.get(problem.request.service, problem.request.service)
    detail = f"(Service: {service}, Status Code: {problem.status}, Request ID: null)"
    return _wrapped(f"{problem.message} {detail}", token, _handler_code(problem))


def _of_ecs(problem: Declined) -> str:
    operation = problem.request.operation
    prefix = _PREFIXES.get(operation, f"{operation} error: ")
    return (
        f"Invalid request provided: {prefix}{problem.message} (Service: AmazonECS; Status Code: {problem.status}; "
        f"Error Code: {problem.code}; Request ID: null)"
    )


def _handler_code(problem: Declined) -> str:
    code = problem.code
    if "AlreadyExists" in code or "Duplicate" in code:
        return "AlreadyExists"
    if "NotFound" in code or code == "NoSuchEntity":
        return "NotFound"
    return "GeneralServiceException" if problem.status >= 500 else "InvalidRequest"


def _wrapped(message: str, token: str, code: str) -> str:
    return f'Resource handler returned message: "{message}" (RequestToken: {token}, HandlerErrorCode: {code})'
