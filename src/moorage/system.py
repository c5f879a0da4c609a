"""The real Clock and Ids: the only file that reads the clock or draws an id."""

import secrets
import string
import uuid
from datetime import UTC, datetime

_LETTERS = string.ascii_lowercase
_LETTERS_AND_DIGITS = _LETTERS + string.digits


class SystemClock:
    """The machine's clock, in UTC with millisecond steps, as AWS timestamps have."""

    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


class SystemIds:
    """Identifiers from the machine's source of randomness."""

    def hex32(self) -> str:
        return secrets.token_hex(16)

    def digits(self, count: int) -> str:
        return secrets.choice("123456789") + "".join(secrets.choice(string.digits) for _ in range(count - 1))

    def letters(self, count: int) -> str:
        rest = (secrets.choice(_LETTERS_AND_DIGITS) for _ in range(count - 1))
        return secrets.choice(_LETTERS) + "".join(rest)

    def uuid(self) -> str:
        return str(uuid.uuid4())
