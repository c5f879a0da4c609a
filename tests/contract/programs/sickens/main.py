"""Runs, and never makes the file that its health check looks for."""

import signal

while True:
    signal.pause()
