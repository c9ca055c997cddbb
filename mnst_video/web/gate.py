"""Who may ask the studio for something: who has its token, from a page of its own.

A page of another site can make a browser send requests here (cross-site request forgery), or have
its own name point here (DNS rebinding). The first has no token and another Origin, the second
another Host.
"""

import secrets
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, QueryParams
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Sent with every answer: nothing is loaded from elsewhere, and no other page may frame this one.
HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        b"style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class Gate:
    """Lets through what has the token in its cookie, asks this host, and comes from its own page.

    The address with the token sets the cookie, which no script can read and no other site can send.
    """

    def __init__(self, app: ASGIApp, token: str, port: int, hosts: Sequence[str]) -> None:
        self.app, self.token = app, token
        self.hosts = {f"{host}:{port}" for host in hosts}
        # Cookies do not know ports: two studios on one machine have a name each.
        self.cookie = f"mnst_studio_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        refusal = self._refusal(scope)
        app: ASGIApp = self.app if refusal is None else refusal
        await app(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        """What answers instead; None: all is well."""
        headers = Headers(scope=scope)
        if scope["type"] != "http" or headers.get("host", "") not in self.hosts:
            return PlainTextResponse("this host is not served here\n", 421)
        given = QueryParams(scope["query_string"]).get("token")
        if scope["path"] == "/" and given is not None:
            if not secrets.compare_digest(given.encode(), self.token.encode()):
                return _stranger()
            answer = RedirectResponse("/", 303)
            answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", path="/")
            return answer
        if not secrets.compare_digest(self._shown(headers).encode(), self.token.encode()):
            return _stranger()
        origin = headers.get("origin")
        own = origin is None or origin.partition("://")[2] in self.hosts
        elsewhere = headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        if not own or elsewhere:
            return PlainTextResponse("this comes from another site\n", 403)
        if scope["method"] not in ("GET", "HEAD") and origin is None:
            return PlainTextResponse("a change says which page it comes from\n", 403)
        return None

    def _shown(self, headers: Headers) -> str:
        """The token in the cookie, or nothing."""
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return ""
        return found.value if found else ""


def _stranger() -> PlainTextResponse:
    return PlainTextResponse(
        "Open the address that `mnst-video studio` printed when it was started: it has a token.\n",
        401,
    )
