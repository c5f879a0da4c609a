"""AWS operations through the endpoint, by botocore: what works for the commands works for users' own tools."""

from collections.abc import Iterator, Sequence
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from moorage.cli import address as addresses
from moorage.cli.address import Address
from moorage.cli.failure import Failure


class Aws:
    """Clients of one account and region, made when first asked for."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._session = botocore.session.Session()
        self._clients: dict[str, Any] = {}

    def call(self, service: str, operation: str, /, **arguments: Any) -> dict[str, Any]:
        """Perform an operation, named as Python clients name it; Failure with AWS's code and message if it fails."""
        try:
            answer: dict[str, Any] = getattr(self.client(service), operation)(**arguments)
            return answer
        except ClientError as error:
            raise Refusal(operation, error.response["Error"]["Code"], error.response["Error"]["Message"]) from error
        except EndpointConnectionError as error:
            raise addresses.not_there(self.address) from error
        except BotoCoreError as error:
            raise Failure(operation, str(error)) from error

    def pages(self, service: str, operation: str, member: str, /, **arguments: Any) -> Iterator[Any]:
        """Every element of `member` over all pages of a list operation."""
        token: dict[str, Any] = {}
        while True:
            answer = self.call(service, operation, **arguments, **token)
            yield from answer.get(member, [])
            name = next((name for name in ("nextToken", "NextToken") if answer.get(name)), None)
            if name is None:
                return
            token = {name: answer[name]}

    def batches(
        self, service: str, operation: str, member: str, of: str, values: Sequence[str], **more: Any
    ) -> list[Any]:
        """Every element of `member` of a describe operation that takes at most ten of `of` at once."""
        found: list[Any] = []
        for start in range(0, len(values), 10):
            answer = self.call(service, operation, **{of: list(values[start : start + 10])}, **more)
            found += answer.get(member, [])
        return found

    def client(self, service: str) -> Any:
        if service not in self._clients:
            try:
                self._clients[service] = self._session.create_client(
                    service,
                    region_name=self.address.region,
                    endpoint_url=self.address.url,
                    aws_access_key_id=self.address.access_key,
                    aws_secret_access_key=self.address.secret_key,
                    config=Config(retries={"total_max_attempts": 2}, inject_host_prefix=False, proxies={}),
                )
            except BotoCoreError as error:
                raise Failure(f"cannot make a client for {service}", str(error)) from error
        return self._clients[service]


class Refusal(Failure):
    """AWS's answer to an operation was an error; `error_code` and `message` are as in the answer."""

    def __init__(self, operation: str, error_code: str, message: str) -> None:
        super().__init__(operation, f"{message} ({error_code})")
        self.error_code = error_code
        self.message = message
