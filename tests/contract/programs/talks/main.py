"""Writes to both of its streams, then ends."""

import sys

print("one")
print("two")
print("three", file=sys.stderr)
print("four")
