"""An object store on loopback, and a proxy in front of it that can be cut in the middle of a run."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

SECRET = "no-log-may-print-this"
BUCKET = "memories"


@dataclass
class Proxy:
    """Passes connections on to a port of this machine, as long as it is open."""

    target: int
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    is_open: bool = True
    requests: int = 0
    cut_after: int | None = None
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
            for source, sink, counts in ((near, far, True), (far, near, False)):
                threading.Thread(
                    target=self._pump, args=(source, sink, counts), daemon=True
                ).start()

    def _pump(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                self.requests += counts
                if self.cut_after is not None and self.requests >= self.cut_after:
                    self.cut()
                sink.sendall(content)
        for end in (source, sink):
            with suppress(OSError):
                end.close()

    def cut(self) -> None:
        """Drop all connections, and take no new ones."""
        self.is_open, self.cut_after = False, None
        for end in self.live:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.live.clear()

    def mend(self) -> None:
        """Take connections again."""
        self.is_open = True


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
