"""Answers every connection to port 7070 with one line; exits with 3 after SIGTERM."""

import signal
import socket
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
with socket.create_server(("0.0.0.0", 7070)) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"hello from serves\n")
