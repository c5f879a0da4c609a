"""The client of the scene: asks the server for its greeting by name, again and again, and prints what it hears."""

import http.client
import os
import signal
import sys
import threading
import urllib.error
import urllib.request
from types import FrameType

TIMEOUT = 20.0


def ask(url: str) -> str:
    """One line: the status and the answer, or what went wrong."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            return f"{response.status} {response.read().decode().strip()}"
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode(errors='replace').strip()}"
    except (OSError, http.client.HTTPException) as error:
        return f"failed: {error}"


def main() -> None:
    url = os.environ["SERVER_URL"]
    interval = float(os.environ.get("INTERVAL", "1"))
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"asking {url} every {interval:g} s", flush=True)
    while not stopped.is_set():
        print(ask(url), flush=True)
        stopped.wait(interval)


if __name__ == "__main__":
    sys.exit(main())
