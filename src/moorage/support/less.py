"""Has Moto start with less: without tables that nothing asked of it needs, and reading each file once.

A third of what EC2 takes to load and a third of its memory are the instance types that AWS offers in each zone; no
operation that is passed on (`passed_on`) looks at them. Called before Moto's EC2 is imported; changes nothing else.
"""

from functools import cache
from typing import Any, Final

import botocore.session
from moto.utilities import utils

LEFT_OUT: Final = ("ec2/resources/instance_types.json", "ec2/resources/instance_type_offerings/")
"""Files and directories below Moto's own, whose content is taken to be empty."""


def apply() -> None:
    """Leave the tables out, and let all sessions of botocore share what they have read of its models."""
    read = utils.load_resource

    def load_resource(filename: str) -> Any:
        if not filename.startswith(LEFT_OUT):
            return read(filename)
        return {} if filename.endswith("instance_types.json") else []

    utils.load_resource = load_resource
    # Moto asks three sessions for the regions of EC2; each would parse its model and all endpoints anew.
    botocore.session.create_loader = cache(botocore.session.create_loader)
