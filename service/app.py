"""What makes up the service? The paths, the handling of problems, and the state they share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.types import ASGIApp

import lsr
from lsr.retrieval import Index
from lsr.service import (
    administration_routes,
    document_routes,
    encode_routes,
    explain_routes,
    field_routes,
    health_routes,
    index_routes,
    search_routes,
    task_routes,
)
from lsr.service.administration import Administration
from lsr.service.catalog import Catalog
from lsr.service.direct_paths import DirectPaths
from lsr.service.field_routes import FieldCatalog
from lsr.service.keys import KeyRing
from lsr.service.log import RequestLog
from lsr.service.metrics import Metrics, StateCollector
from lsr.service.models import Models
from lsr.service.page_routes import page_router
from lsr.service.places import Places
from lsr.service.problems import ProblemAnswers
from lsr.service.requests import RequestRecord
from lsr.service.searching import Searching
from lsr.service.settings import Settings
from lsr.service.slow_bodies import BodyDeadline
from lsr.service.warming import Warming
from lsr.service.writing import Writing


def create_app(
    folders: Iterable[Path],
    settings: Settings | None = None,
    open_index: Callable[[Path], Index] = Index.open,
) -> FastAPI:
    """Return the service as an ASGI application.

    Args:
        folders: indexes to serve, and folders that hold indexes.
        settings: what the operator decided; by default, of the environment.
        open_index: opens an index, to be searched here or elsewhere.

    Raises:
        IndexNotFoundError: a folder is no index and holds none.
        ConfigError: a setting or the name of an index cannot be used.
    """
    settings = settings or Settings()
    app = Service(
        title="lsr",
        version=lsr.__version__,
        summary="Learned sparse retrieval.",
        docs_url=None,  # the framework's own pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the host that the client has made up
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.keys = KeyRing(settings.keys)
    app.state.catalog = catalog = Catalog(folders, settings, open_index)
    app.state.log = RequestLog() if settings.log_requests else None
    app.state.metrics = metrics = Metrics()
    app.state.searching = searching = Searching(settings, metrics)
    app.state.warming = Warming(catalog)
    metrics.registry.register(StateCollector(catalog.searchers, lambda: searching.n_waiting))
    app.state.models = models = Models(settings.models)
    app.state.places = places = Places(lambda: {**models.places, **catalog.places})
    app.state.writing = Writing(catalog, settings, catalog.state_folder / "tasks", places)
    app.state.fields = FieldCatalog()
    app.state.administration = Administration(catalog, models, settings)
    for routes in (
        search_routes,
        index_routes,
        explain_routes,
        field_routes,
        document_routes,
        task_routes,
        administration_routes,
        encode_routes,
        health_routes,
    ):
        app.include_router(routes.router)
    app.include_router(page_router())
    return app


class Service(FastAPI):
    """The application, with what stands around all of it."""

    def build_middleware_stack(self) -> ASGIApp:
        """Return what requests pass on their way in, and answers on their way out.

        All of the framework's own handling of failures is left out: it is `ProblemAnswers`.
        """
        settings: Settings = self.state.settings
        app: ASGIApp = AsyncExitStackMiddleware(self.router)  # routes of the framework need it
        app = DirectPaths(app, search_routes.router.routes)
        app = BodyDeadline(app, settings.body_patience_s, settings.body_bytes_per_s)
        app = ProblemAnswers(app, self.state.places.problem_of)
        return RequestRecord(app, self.state.log, self.state.metrics)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.warming.start()
    yield
    await run_in_threadpool(app.state.writing.close)
    await run_in_threadpool(app.state.searching.close)
    if app.state.log:
        await run_in_threadpool(app.state.log.close)
