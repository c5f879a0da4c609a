"""Operation handlers: parse, read one World, write, present."""
