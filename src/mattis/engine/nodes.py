"""Dask's schedulers and workers, with fewer doors: no HTTP at all, or one page behind a secret word."""

import secrets
from typing import Any

import distributed
from distributed.http.routing import RoutingApplication
from tornado.httputil import HTTPServerRequest
from tornado.web import ErrorHandler

ROUTES = ["distributed.http.scheduler.info", "distributed.http.scheduler.json", "distributed.http.statics"]
"""Routes of the dashboard beside its pages: none that changes anything, and no proxy."""


class _WithoutHttp:
    """A node that speaks no HTTP, also where its command or a site's settings ask for a dashboard."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "dashboard": False})

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Listen to nobody; Dask's nodes look for the application when they end."""
        self.http_application = RoutingApplication([])


class Scheduler(_WithoutHttp, distributed.Scheduler):
    """A scheduler that speaks no HTTP."""


class Worker(_WithoutHttp, distributed.Worker):
    """A worker that speaks no HTTP."""


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
    return secrets.compare_digest(path.removeprefix("/").partition("/")[0].encode(), secret.encode())
