"""Implementations of the Runtime port."""
