"""AWS protocols: bytes to dictionaries and back, driven by botocore's service models. Knows no operations."""
