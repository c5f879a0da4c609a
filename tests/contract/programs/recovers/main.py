"""Becomes healthy after half a second: its health check looks for the file."""

import signal
import time
from pathlib import Path

time.sleep(0.5)
Path("/tmp/healthy").touch()
while True:
    signal.pause()
