"""The child process that runs Moto for the supporting services, and the way to it."""
