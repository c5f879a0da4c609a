"""Whether the AWS CLI on PATH knows AWS_ENDPOINT_URL: version 1.29.0 or 2.13.0 and later do (AWS SDKs reference guide,
"Service-specific endpoints").

Moorage runs without it, and it works with --endpoint-url whatever its version: nothing here is a failure.
"""

import re
import shutil
import subprocess

FIRST = {1: (1, 29, 0), 2: (2, 13, 0)}


def verdict() -> tuple[str, str]:
    """A check's status and detail."""
    program = shutil.which("aws")
    if program is None:
        return "warning", "there is none on PATH; boto3, the CDK and Terraform do not need it"
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "warning", f"{program} --version failed: {error}"
    return judge(done.stdout + done.stderr)


def judge(output: str) -> tuple[str, str]:
    """The verdict on what `aws --version` printed."""
    found = re.search(r"aws-cli/(\d+)\.(\d+)\.(\d+)", output)
    if found is None:
        return "warning", f"its version cannot be read from {output.strip()[:100]!r}"
    version = (int(found[1]), int(found[2]), int(found[3]))
    text = ".".join(map(str, version))
    first = FIRST.get(version[0])
    if first is not None and version < first:
        wanted = ".".join(map(str, first))
        return (
            "warning",
            f"version {text} does not know AWS_ENDPOINT_URL: upgrade to {wanted} or later, or use --endpoint-url",
        )
    return "ok", f"version {text} knows AWS_ENDPOINT_URL"
