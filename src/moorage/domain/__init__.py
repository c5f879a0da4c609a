"""Nouns of ECS and Cloud Map and their own rules: frozen values, no I/O, no clock."""
