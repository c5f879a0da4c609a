"""The server of the scene: answers every GET with a greeting and the name of the task that gave it.

`/?wait=SECONDS` answers late, to watch what a rolling deployment does to a request in flight. On SIGTERM it stops
accepting, finishes the requests that it holds, and ends.
"""

import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from urllib.parse import parse_qs, urlsplit

LONGEST_WAIT = 60.0


class Server(ThreadingHTTPServer):
    """One thread per connection. Counts requests, not connections: an idle keep-alive holds nothing up."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, greeting: str) -> None:
        super().__init__(("0.0.0.0", port), Handler)
        self.greeting = greeting
        self.task = socket.gethostname()
        self.draining = False
        self._active = 0
        self._changed = threading.Condition()

    def begin(self) -> None:
        """A request has arrived."""
        with self._changed:
            self._active += 1

    def end(self) -> None:
        """A request has been answered."""
        with self._changed:
            self._active -= 1
            self._changed.notify_all()

    def drain(self) -> None:
        """Take no more connections; `finish` then waits for what is in flight."""
        self.draining = True
        self.shutdown()

    def finish(self) -> None:
        """Return when no request is in flight."""
        with self._changed:
            self._changed.wait_for(lambda: self._active == 0)


class Handler(BaseHTTPRequestHandler):
    """One connection, kept open between requests until the server drains."""

    server: Server
    protocol_version = "HTTP/1.1"
    # Header and body are two small writes; without this the second waits for the first one's acknowledgement.
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        self._busy = False
        try:
            super().handle_one_request()
        finally:
            if self._busy:
                self.server.end()

    def parse_request(self) -> bool:
        # Called once a request line has been read: until then the connection is idle.
        self._busy = True
        self.server.begin()
        return super().parse_request()

    def do_GET(self) -> None:
        time.sleep(self._wait())
        self._answer(f"{self.server.greeting} from {self.server.task}\n".encode())

    def _wait(self) -> float:
        asked = parse_qs(urlsplit(self.path).query).get("wait", ["0"])[0]
        try:
            return min(max(float(asked), 0.0), LONGEST_WAIT)
        except ValueError:
            return 0.0

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Served-By", self.server.task)
        if self.server.draining:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def main() -> None:
    server = Server(int(os.environ.get("PORT", "5000")), os.environ.get("GREETING", "hello"))

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # shutdown() waits for serve_forever(), which runs in this very thread: so another thread calls it.
        threading.Thread(target=server.drain, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"{server.task} listens on port {server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    server.finish()
    print(f"{server.task} has answered everything and ends", flush=True)


if __name__ == "__main__":
    sys.exit(main())
