"""The settings as a table, from the fields of `moorage.settings.Settings`."""

from dataclasses import fields
from typing import Any

from moorage.settings import PREFIX, UNSET, Settings

_BY_USER = {
    "data_dir": "`/var/lib/moorage` for root, else `$XDG_STATE_HOME/moorage` or `~/.local/state/moorage`",
    "run_dir": "`/run/moorage/<8 hex>` for root, else below `XDG_RUNTIME_DIR`, else `/tmp/moorage-<uid>/<8 hex>`",
}


def table() -> str:
    """One row for each setting: its variable, its default, what it is."""
    rows = [
        f"| `{PREFIX}{field.name.upper()}` | {_default(field.name, field.default)} | {field.metadata['what']} |"
        for field in fields(Settings)
    ]
    return "\n".join(["| variable | default | what it is |", "|---|---|---|", *rows])


def _default(name: str, value: Any) -> str:
    if value == UNSET:
        return _BY_USER[name]
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`" if value != "" else "empty"
