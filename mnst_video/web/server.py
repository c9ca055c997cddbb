"""The studio as a web application: routes, which call one function each."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from mnst_video.errors import MnstError, UsageError, unwritten
from mnst_video.web.session import MOST_SIDE
from mnst_video.web.studio import Studio

PAGE = Path(__file__).parent / "page"
# Bytes of what a page says, and of one file that is dropped onto it.
MOST_JSON, MOST_UPLOAD = 4 * 2**20, 8 * 2**30


def application(studio: Studio) -> Starlette:
    """The routes; who may use them is `gate`'s to say."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        studio.hub.begin()
        yield
        studio.close()

    return Starlette(
        routes=_routes(studio),
        lifespan=lifespan,
        exception_handlers={MnstError: _told, ClientDisconnect: _gone, Exception: _bug},
    )


async def _told(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422)


async def _bug(_: Request, error: Exception) -> Response:
    line = " ".join(str(error).split())[:300]
    return JSONResponse({"error": f"a bug in mnst-video: {type(error).__name__}: {line}"}, 500)


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=499)


def _routes(studio: Studio) -> list[Route | Mount]:
    def get(path: str, call: Callable[[Request], Any]) -> Route:
        """What a function returns, as JSON; or a response."""

        async def endpoint(request: Request) -> Response:
            made = await run_in_threadpool(call, request)
            return made if isinstance(made, Response) else JSONResponse(made)

        return Route(path, endpoint)

    def post(path: str, call: Callable[..., Any]) -> Route:
        """A function that is called with what the page says, by names."""

        async def endpoint(request: Request) -> Response:
            said = await _json(request)
            try:
                made = await run_in_threadpool(call, **request.path_params, **said)
            except TypeError as error:
                if "argument" in str(error):  # a name that is none, or one is missing
                    raise UsageError(f"{request.url.path}: {error}") from None
                raise
            return JSONResponse({} if made is None else made)

        return Route(path, endpoint, methods=["POST"])

    async def upload(request: Request) -> Response:
        name, kind = _word(request, "name"), _word(request, "kind")
        path = await run_in_threadpool(studio.upload_path, name, kind)
        partial = path.with_name(f".{path.stem}.partial{path.suffix}")
        size = 0
        try:
            with partial.open("wb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > MOST_UPLOAD:
                        raise HTTPException(413, "this file is too large")
                    await run_in_threadpool(file.write, chunk)
            made = await run_in_threadpool(studio.uploaded, partial, path, kind)
        except OSError as error:
            raise unwritten(path, error) from None
        finally:
            partial.unlink(missing_ok=True)
        return JSONResponse(made)

    async def events(_: Request) -> Response:
        quiet = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(studio.hub.listen(), media_type="text/event-stream", headers=quiet)

    def number(request: Request) -> int:
        return int(request.path_params["number"])

    def seconds(request: Request) -> float:
        return _number(request, "seconds")

    return [
        Route("/", _index),
        Mount("/page", StaticFiles(directory=PAGE)),
        Route("/api/events", events),
        get("/api/about", lambda _: studio.about),
        get("/api/state", lambda _: studio.state),
        get("/api/renders", lambda _: studio.renders),
        get("/api/files", lambda r: studio.files(_word(r, "kind"))),
        post("/api/open", studio.open),
        Route("/api/upload", upload, methods=["POST"]),
        post("/api/change", lambda **said: studio.session.change(**said)),
        post("/api/keys", lambda **said: studio.session.keys(**said)),
        post("/api/undo", lambda: studio.session.undo()),
        post("/api/redo", lambda: studio.session.redo()),
        post("/api/preset/open", lambda **said: {"notes": studio.session.open_preset(**said)}),
        post("/api/preset/save", lambda **said: {"path": str(studio.session.save_preset(**said))}),
        post("/api/import", lambda **said: {"notes": studio.session.import_timeline(**said)}),
        get(
            "/api/export",
            lambda r: _attached(
                *studio.session.export_timeline(_word(r, "form"), _word(r, "lane"))
            ),
        ),
        post("/api/look", studio.look),
        get("/api/look/{number:int}/{place}", lambda r: _jpeg(studio.picture(**r.path_params))),
        get("/api/frame", lambda r: _jpeg(studio.session.content(seconds(r), _side(r)))),
        get("/api/style/{index:int}", lambda r: _jpeg(studio.style(**r.path_params))),
        get(
            "/api/style/{index:int}/large",
            lambda r: _jpeg(studio.style(r.path_params["index"], MOST_SIDE)),
        ),
        get("/api/values", lambda _: _bytes(studio.session.values())),
        get("/api/peaks", lambda r: _bytes(studio.peaks(*_span(r)))),
        get("/api/clip", lambda _: FileResponse(studio.session.source)),
        get("/api/copy", lambda _: FileResponse(studio.session.copy_path)),
        post("/api/copy", lambda: studio.session.begin_copy()),
        post("/api/cuts", lambda: studio.session.begin_cuts()),
        post("/api/render", lambda **said: {"number": studio.session.render(**said)}),
        post("/api/evaluate", lambda **said: {"number": studio.session.evaluate(**said)}),
        post("/api/renders/{number:int}/pause", lambda number: studio.runs.pause(number)),
        post("/api/renders/{number:int}/go-on", lambda number: studio.runs.go_on(number)),
        post("/api/renders/{number:int}/remove", lambda number: studio.runs.remove(number)),
        get(
            "/api/renders/{number:int}/file",
            lambda r: FileResponse(studio.session.output_of(number(r))),
        ),
        get(
            "/api/others/{index:int}",
            lambda r: FileResponse(studio.session.other(r.path_params["index"])),
        ),
        get(
            "/api/renders/{number:int}/frame/{frame:int}",
            lambda r: _png(studio.session.painted_frame(number(r), r.path_params["frame"])),
        ),
        get("/api/renders/{number:int}/scores", lambda r: studio.runs.result(number(r))),
    ]


async def _index(_: Request) -> Response:
    return FileResponse(PAGE / "index.html", headers={"cache-control": "no-store"})


async def _json(request: Request) -> dict[str, Any]:
    """What a page says. Raises UsageError where it is no JSON object, or too much."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_JSON:
            raise HTTPException(413, "this is too much")
    try:
        said = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise UsageError("this is no JSON") from None
    if not isinstance(said, dict):
        raise UsageError("this is no JSON object")
    return said


def _word(request: Request, name: str) -> str:
    if name not in request.query_params:
        raise UsageError(f"{request.url.path}: {name} is missing")
    return request.query_params[name]


def _number(request: Request, name: str) -> float:
    try:
        return float(request.query_params[name])
    except (KeyError, ValueError):
        raise UsageError(f"{name} is a number") from None


def _side(request: Request) -> int:
    return int(_number(request, "side"))


def _span(request: Request) -> tuple[float, float, int]:
    return (
        _number(request, "start"),
        _number(request, "end"),
        int(_number(request, "count")),
    )


def _jpeg(data: bytes) -> Response:
    return Response(data, media_type="image/jpeg", headers={"cache-control": "no-store"})


def _png(data: bytes | None) -> Response:
    return Response(status_code=204) if data is None else Response(data, media_type="image/png")


def _bytes(data: bytes) -> Response:
    return Response(data, media_type="application/octet-stream")


def _attached(name: str, data: bytes) -> Response:
    kept = {"content-disposition": f"attachment; filename*=utf-8''{quote(name)}"}
    return Response(data, media_type="application/octet-stream", headers=kept)
