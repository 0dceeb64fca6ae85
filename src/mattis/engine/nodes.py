"""Dask's schedulers and workers, with fewer doors: no HTTP at all, or one page behind a secret word."""

import secrets
from collections.abc import Mapping
from typing import Any

import distributed
from distributed.http.routing import RoutingApplication
from tornado.httputil import HTTPServerRequest
from tornado.web import ErrorHandler

ROUTES = [
    "distributed.http.scheduler.info",
    "distributed.http.scheduler.json",
    "distributed.http.statics",
]
"""Routes of the dashboard beside its pages: none that changes anything, and no proxy."""


class Scheduler(distributed.Scheduler):
    """A scheduler that speaks no HTTP, also where a site's settings ask for a dashboard."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "dashboard": False})

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Listen to nobody; Dask's nodes look for the application when they end."""
        self.http_application = RoutingApplication([])


class Worker(distributed.Worker):
    """A worker that speaks no HTTP, also where `dask worker` or a site's settings ask for a dashboard."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "dashboard": False})

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Listen to nobody; Dask's nodes look for the application when they end."""
        self.http_application = RoutingApplication([])


class DashboardScheduler(distributed.Scheduler):
    """A scheduler whose dashboard answers only under its secret word, which is new each time."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.secret = secrets.token_urlsafe(16)
        super().__init__(*arguments, http_prefix=f"/{self.secret}", **options)

    def start_http_server(self, *arguments: Any, **options: Any) -> None:
        """Listen as Dask does, and take every other address for one that does not exist."""
        super().start_http_server(*arguments, **options)  # type: ignore[no-untyped-call]
        pages, anything = self.http_application, self.http_application.find_handler

        def find_handler(request: HTTPServerRequest, **more: Any) -> Any:
            if _is_behind(request.path, self.secret):
                return anything(request, **more)
            return pages.get_handler_delegate(request, ErrorHandler, {"status_code": 404})

        pages.find_handler = find_handler  # type: ignore[method-assign]


def _is_behind(path: str, secret: str) -> bool:
    """Tell whether a path begins with the secret word, in a time that does not depend on the guess."""
    first = path.removeprefix("/").partition("/")[0]
    return secrets.compare_digest(first.encode(), secret.encode())


def why_stalled(workers: Mapping[str, Mapping[str, Any]]) -> str:
    """Return why none of some workers computes, "" if one does or might."""
    if not workers:
        return "there is no worker that can compute; see whether jobs wait in a queue, or why they failed"
    paused = [worker for worker in workers.values() if worker.get("status") == "paused"]
    if len(paused) < len(workers):
        return ""
    most = max(paused, key=lambda worker: worker["metrics"].get("memory", 0))
    used, limit = (n / 2**20 for n in (most["metrics"].get("memory", 0), most["memory_limit"]))
    who = "the only worker is" if len(paused) == 1 else f"all {len(paused)} workers are"
    return (
        f"{who} paused, with too much memory in use ({used:.0f} of {limit:.0f} MiB); start fewer of them, or "
        "give them more (--memory-limit)"
    )
