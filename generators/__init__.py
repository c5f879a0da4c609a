"""Writes the parts of the documentation that repeat what the code says: `python -m generators` renews them."""
