"""Measures what Moorage promises of speed and size. `python -m bench` runs all, `python -m bench NAME...` some."""
