"""Tells what a program of a task sees: `/environment`, and `/get?url=U` from in there, with the status before the body.

Listens on 80, every address: what ECS's agent answers at must not be in a program's way.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/environment":
            self.reply(json.dumps(dict(os.environ)))
            return
        try:
            with urlopen(parse_qs(parts.query)["url"][0], timeout=5) as answer:
                self.reply(json.dumps([answer.status, answer.read().decode()]))
        except HTTPError as error:
            self.reply(json.dumps([error.code, error.read().decode()]))
        except OSError as error:
            self.reply(json.dumps([0, str(error)]))

    def reply(self, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


ThreadingHTTPServer(("0.0.0.0", 80), Handler).serve_forever()
