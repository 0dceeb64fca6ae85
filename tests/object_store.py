"""An object store on loopback, and a proxy in front of it that can be cut in the middle of a run."""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

SECRET = "no-log-may-print-this"
BUCKET = "memories"


Pump = Callable[[bytes, socket.socket, socket.socket], None]


@dataclass
class Proxy:
    """Passes connections on to a port of this machine, as long as it is open, or answers by itself."""

    target: int
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    is_open: bool = True
    requests: int = 0
    cut_after: int | None = None
    trouble: str | None = None  # a key of ANSWERS, or: silent, slow, torn
    share: float = 1.0  # of the requests that meet it
    held: str | None = None  # a request that begins so waits until `passing` is set
    waiting: threading.Event = field(default_factory=threading.Event)
    passing: threading.Event = field(default_factory=threading.Event)
    live: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        """Accept connections until the listener is closed."""
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if not self.is_open:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            self.live += [near, far]
            for pump, source, sink in ((self._ask, near, far), (self._answer, far, near)):
                threading.Thread(target=self._pump, args=(pump, source, sink), daemon=True).start()

    def _pump(self, pump: Pump, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                pump(content, source, sink)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _ask(self, content: bytes, near: socket.socket, far: socket.socket) -> None:
        self.requests += 1
        if self.cut_after is not None and self.requests >= self.cut_after:
            self.cut()
        if self.trouble in ANSWERS and random.random() < self.share:
            near.sendall(_answer(self.trouble, content))
        elif self.trouble != "silent" or random.random() >= self.share:
            if self.held is not None and content.startswith(self.held.encode()):
                self.waiting.set()
                self.passing.wait()
            far.sendall(content)

    def _answer(self, content: bytes, _: socket.socket, near: socket.socket) -> None:
        if self.trouble == "slow":
            for byte in content:
                near.sendall(bytes([byte]))
                time.sleep(1)
        elif self.trouble == "torn":
            near.sendall(content[: len(content) // 2])
            raise ConnectionResetError
        else:
            near.sendall(content)

    def cut(self) -> None:
        """Drop all connections, and take no new ones."""
        self.is_open, self.cut_after = False, None
        self.drop()

    def drop(self) -> None:
        """Drop all connections."""
        for end in self.live:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.live.clear()

    def mend(self) -> None:
        """Take connections again, and pass on what they say."""
        self.trouble = self.held = self.cut_after = None
        self.passing.set()
        self.is_open = True


_DENIED = f"<Error><Code>AccessDenied</Code><Message>{SECRET}</Message></Error>"
_BUSY = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"

ANSWERS = {
    "503": ("503 Slow Down", _BUSY),
    "429": ("429 Too Many Requests", _BUSY),
    "500": ("500 Internal Server Error", "<html>\n<h1>oh</h1>\n</html>"),
    "403": ("403 Forbidden", _DENIED),
    "401": ("401 Unauthorized", _DENIED),
}


def _answer(trouble: str, request: bytes) -> bytes:
    """Return an answer in the place of the store's."""
    status, text = ANSWERS[trouble]
    body = b"" if request.startswith(b"HEAD") else text.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@contextmanager
def object_store() -> Iterator[tuple[Proxy, dict[str, str]]]:
    """Yield a proxy to an empty bucket, and the environment that finds it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys: dict[str, Any] = {
        "aws_access_key_id": "testing",
        "aws_secret_access_key": SECRET,
        "region_name": "us-east-1",
    }
    boto3.client("s3", endpoint_url=f"http://{host}:{port}", **keys).create_bucket(Bucket=BUCKET)
    proxy = Proxy(port)
    threading.Thread(target=proxy.serve, daemon=True).start()
    try:
        yield (
            proxy,
            {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}",
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_REGION": "us-east-1",
            },
        )
    finally:
        proxy.listener.close()
        server.stop()
