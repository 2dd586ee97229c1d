"""The routes of the service."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

import cellmark
from cellmark.serving.answers import FoundCode, Health, Problem, ReadCode
from cellmark.serving.limits import Refused
from cellmark.serving.metrics import Observed
from cellmark.serving.page import PAGE, show
from cellmark.serving.service import PREDICT, READ, Service

HEALTH, METRICS, OPENAPI = "/health", "/metrics", "/openapi.json"
ROUTES = frozenset([PREDICT, READ, HEALTH, METRICS, OPENAPI, *PAGE])

HEADERS = {  # on every answer: a browser runs nothing that does not come from here, and shows it in no other page
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_BINARY = {"schema": {"type": "string", "format": "binary"}}
BODY = {"requestBody": {"required": True, "content": {"image/*": _BINARY, "application/octet-stream": _BINARY}}}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": told}
    for status, told in {
        408: "the body did not arrive in time",
        413: "too many bytes, or too many pixels, which the head of the picture tells before it is decoded",
        415: "a form in place of the picture itself",
        422: "the body is no PNG, JPEG, BMP, TIFF or WebP, or a damaged one; or a parameter is wrong",
        503: "too many requests at work, or no answer in time; `Retry-After` says when to come again",
    }.items()
}

Upright = Annotated[
    bool, Query(description="turn the picture as its EXIF orientation says; coordinates count in the turned one")
]
Codes = Annotated[int | None, Query(ge=1, description="stop after so many codes; without it all are looked for")]


def create_app(service: Service) -> FastAPI:
    """The service as an ASGI application.

    It has no pages of documentation of FastAPI's own: they load scripts from other hosts.
    """
    app = FastAPI(
        title="cellmark",
        summary="Finds the cells of DataMatrix codes and reads their text.",
        version=cellmark.__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=OPENAPI,
        lifespan=service.running,
    )
    app.state.service = service
    _add_computing(app, service)
    _add_watching(app, service)
    for path, file in PAGE.items():
        app.add_route(path, show(file), include_in_schema=False)

    async def refused(_: Request, error: Exception) -> Response:
        if isinstance(error, Refused):
            service.metrics.refused.labels(error.reason).inc()
        return _problem(error)

    for kind in (HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, refused)
    app.add_middleware(Observed, metrics=service.metrics, routes=ROUTES, headers=HEADERS)
    return app


def _add_computing(app: FastAPI, service: Service) -> None:
    @app.post(
        PREDICT,
        summary="Find cells",
        description="The body is a picture. One entry for each code, the largest first; none where none was found.",
        responses=REFUSALS,
        openapi_extra=BODY,
    )
    async def predict(request: Request, upright: Upright = False) -> list[FoundCode]:
        found: list[FoundCode] = await service.answer(PREDICT, request, upright)
        return found

    @app.post(
        READ,
        summary="Read text",
        description="The body is a picture. One entry for each code; one with a reason where nothing was read.",
        responses=REFUSALS,
        openapi_extra=BODY,
        response_model_exclude_unset=True,
    )
    async def read(request: Request, upright: Upright = False, codes: Codes = None) -> list[ReadCode]:
        found: list[ReadCode] = await service.answer(READ, request, upright, codes)
        return found


def _add_watching(app: FastAPI, service: Service) -> None:
    @app.get(HEALTH, summary="Is it well?", responses={503: {"model": Health, "description": "it is about to end"}})
    async def health(response: Response) -> Health:
        if service.draining:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        engines = service.engines
        return Health(
            status="draining" if service.draining else "ok",
            version=cellmark.__version__,
            model=engines.model,
            device=engines.device,
        )

    @app.get(METRICS, summary="Numbers for Prometheus", response_class=Response)
    async def metrics() -> Response:
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _problem(error: Exception) -> JSONResponse:
    """Every failure in one form; of one that nobody expected only that there was one."""
    if isinstance(error, HTTPException):
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
    if isinstance(error, RequestValidationError):
        told = "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in error.errors())
        return JSONResponse({"detail": told}, HTTPStatus.UNPROCESSABLE_ENTITY)
    return JSONResponse({"detail": "an error within the service"}, HTTPStatus.INTERNAL_SERVER_ERROR, HEADERS)
