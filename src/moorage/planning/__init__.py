"""Decisions about services and tasks: pure functions from a World (and `now`) to values."""
