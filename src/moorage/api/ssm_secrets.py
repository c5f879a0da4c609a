"""Values of SecureString parameters: sealed and opened by KMS, as a client of KMS would have it done.

What is stored and shown without decryption is the ciphertext. KMS is asked before the commit, which changes nothing
that a second attempt could not ask for again.
"""

import base64
from typing import Any, Final

from moorage.api.context import RequestContext
from moorage.domain import errors, parameter_errors
from moorage.domain.parameter import SECURE, Parameter
from moorage.engine.ports import OperationFailed
from moorage.wire.faults import reject

DEFAULT_KEY: Final = "alias/aws/ssm"
_MAX_BYTES = 4096
"""What KMS encrypts at once."""


def check_key(kind: str, key: str | None) -> None:
    """InvalidParameter if a key is named for a value that is not encrypted."""
    if key is not None and kind != SECURE:
        raise errors.InvalidParameter("KeyId is only used with parameters of type SecureString.")


async def sealed(ctx: RequestContext, record: Parameter) -> str:
    """The record's value as ciphertext, if the parameter is to be encrypted."""
    if record.type != SECURE:
        return record.value
    plain = record.value.encode()
    if len(plain) > _MAX_BYTES:
        raise errors.InvalidParameter(f"A SecureString is supported by Moorage up to {_MAX_BYTES} bytes.")
    if record.key_id == DEFAULT_KEY:
        # AWS's own key is made when it is first looked at.
        await _ask(ctx, "DescribeKey", record.key_id, KeyId=record.key_id)
    context = {"PARAMETER_ARN": record.arn}
    answer = await _ask(ctx, "Encrypt", record.key_id, KeyId=record.key_id, Plaintext=plain, EncryptionContext=context)
    return base64.b64encode(answer["CiphertextBlob"]).decode("ascii")


async def opened(ctx: RequestContext, record: Parameter, wanted: bool | None) -> str:
    """The value to show: the text behind a ciphertext if `wanted`, else what is stored."""
    if record.type != SECURE or not wanted:
        return record.value
    blob, context = base64.b64decode(record.value), {"PARAMETER_ARN": record.arn}
    answer = await _ask(ctx, "Decrypt", record.key_id, CiphertextBlob=blob, EncryptionContext=context)
    text: str = answer["Plaintext"].decode()
    return text


async def _ask(ctx: RequestContext, operation: str, key: str, **arguments: Any) -> dict[str, Any]:
    try:
        return await ctx.operations.call(ctx.account, ctx.region, "kms", operation, arguments)
    except OperationFailed as error:
        if error.status >= 500:
            raise reject("InternalServerError", f"KMS: {error.message}", error.status) from error
        raise parameter_errors.KeyUnusable(key, error.message) from error
