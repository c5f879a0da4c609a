"""A program of its own: the name server of tasks. Started by the supervisor when a task asks for the first name."""
