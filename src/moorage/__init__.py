"""Moorage: Amazon ECS Service Connect on your own machines."""

from typing import Final

__version__: Final = "0.1.0"
