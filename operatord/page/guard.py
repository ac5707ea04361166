"""Who asks, and may he? What stands before every page and every action of the operator's page.

`require(role)` is a dependency of FastAPI that gives the person, or refuses: somebody who opens a page without being
logged in is sent to /login, a script gets 401, and whoever lacks the role gets 403 in clear words. `check_form` is the
dependency of every POST: the form has to come from this very page in this very login. Whatever goes wrong on the
way, a disk that fails included, lets nobody in.

Where the page is served over TLS, the cookie is `__Host-`, Secure, HttpOnly and SameSite=Strict. On http://localhost a
browser need not take such a cookie: there its name has no prefix, and whoever shares the machine is trusted anyway.
"""

import hashlib
import hmac
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from operatord.page.attempts import Attempts, source_of
from operatord.page.origin import Origin
from operatord.page.people import NOTE_SEEN_S, Person, Role, Session, hash_token, is_open
from operatord.page.people_store import PEOPLE_FILE, PeopleStore
from operatord.page.refusals import Reason, Refused
from operatord.page.rendering import render
from operatord.settings import OperatorSettings
from wire.errors import ShellError
from wire.log_line import format_log_line

__all__ = ["Guard", "Person", "Role", "open_guard"]

MAX_FORM_BYTES = 64 * 1024
FORM_FIELD, FORM_HEADER = "form_token", "x-form-token"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_NEXT = re.compile(r"/(?![/\\])[!-\[\]-~]{0,500}")
"""A place on this page, with a query: no other host, no blank, no backslash that a browser takes for a slash."""
_FORM = "application/x-www-form-urlencoded"
BY_ANYBODY = frozenset({
    Reason.TOO_MANY, Reason.FOREIGN_FORM, Reason.UNREADABLE, Reason.LINK_OVER, Reason.TOO_OLD, Reason.UNKNOWN_KEY,
    Reason.WRONG_ANSWER,
})  # fmt: skip
"""Refusals that take neither a key nor a login: one address writes no more than ten lines and ten a minute of them."""

Render = Callable[..., str]
"""From a template's name and its values to HTML."""
Tell = Callable[[str], None]


def safe_next(place: object) -> str:
    """Where to go after a login: on this page, or its beginning."""
    return place if isinstance(place, str) and _NEXT.fullmatch(place) else "/"


class Guard:
    """The door of one page. `tell` gets a sentence for the operator's log, `now_s` says UTC seconds."""

    def __init__(
        self, store: PeopleStore, origin: Origin, render: Render, tell: Tell, now_s: Callable[[], int]
    ) -> None:
        self.store, self.origin, self.render, self.tell, self.now_s = store, origin, render, tell, now_s
        self._lines = Attempts()
        """Of the log, that each address may still cause."""
        prefix = "__Host-" if origin.is_secure else ""
        self._session_cookie = f"{prefix}airgrant"
        self.asking_cookie = f"{prefix}airgrant-asking"

    # ---- For pages

    def require(self, role: Role) -> Callable[[Request], Person]:
        """A dependency: the person who asks, and has this role at least. Raises Refused."""

        def dependency(request: Request) -> Person:
            session = self._find_session(request)
            request.state.session = session
            if session.person.role < role:
                raise Refused(Reason.ROLE, f"{session.person.name} is {session.person.role}, not {role}")
            return session.person

        return dependency

    async def check_form(self, request: Request) -> dict[str, str]:
        """A dependency of every POST: its fields, of a form that this page gave to this login. Raises Refused."""
        self.check_origin(request)
        body = await read_body(request, MAX_FORM_BYTES)
        fields: dict[str, str] = {}
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
            try:
                fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
            except ValueError as error:
                raise Refused(Reason.UNREADABLE, "a form") from error
        told = request.headers.get(FORM_HEADER) or fields.pop(FORM_FIELD, "")
        wanted = self.form_token(request)
        if not wanted or not hmac.compare_digest(wanted.encode(), told.encode()):
            raise Refused(Reason.FOREIGN_FORM, "without its token")
        return fields

    def form_token(self, request: Request) -> str:
        """For the hidden field `form_token` of each form; empty while nobody is logged in."""
        token = self._token(request)
        return hmac.digest(token.encode(), b"airgrant form", hashlib.sha256).hex() if token else ""

    def note(self, request: Request, person: Person, deed: str) -> None:
        """A line of the log: who did what, from where."""
        self.tell(f"{person.name} ({person.role}) from {address_of(request)}: {one_line(deed)}")

    def install(self, app: FastAPI) -> None:
        """The answers to whoever is refused."""
        app.add_exception_handler(Refused, self._answer_refused)

    # ---- For logging in

    def check_origin(self, request: Request) -> None:
        """Sent by this page, as the browser says. Raises Refused."""
        if request.headers.get("origin") != self.origin.text:
            raise Refused(Reason.FOREIGN_FORM, "from another origin, or from none")

    def set_cookie(self, response: Response, name: str, value: str, max_age_s: int | None) -> None:
        """For this host alone and out of reach of scripts; None: until the browser is closed."""
        secure = self.origin.is_secure
        response.set_cookie(
            name, value, max_age=max_age_s, path="/", secure=secure, httponly=True, samesite="strict"
        )

    def begin(self, response: Response, token: str) -> None:
        """Gives a browser what it is known by from now on."""
        self.set_cookie(response, self._session_cookie, token, None)

    def end(self, request: Request, response: Response | None = None) -> None:
        """Forgets the login of this browser, if there is one. Raises Refused."""
        token = self._token(request)
        if token:
            with disk():
                self.store.end_session(hash_token(token))
        if response is not None:
            self.set_cookie(response, self._session_cookie, "", 0)

    def find_person(self, request: Request) -> Person | None:
        """Whoever is logged in, for a page that is for everybody."""
        try:
            return self._find_session(request).person
        except Refused:
            return None

    # ---- Inside

    def _token(self, request: Request) -> str:
        token = request.cookies.get(self._session_cookie, "")
        return token if _TOKEN.fullmatch(token) else ""

    def _find_session(self, request: Request) -> Session:
        token, now_s = self._token(request), self.now_s()
        if not token:
            raise Refused(Reason.NOT_LOGGED_IN)
        with disk():
            session = self.store.session(hash_token(token))
            if session is None or not is_open(session, now_s):
                raise Refused(Reason.NOT_LOGGED_IN)
            if _is_use(request) and now_s - session.seen_s >= NOTE_SEEN_S:
                self.store.see_session(session.token_hash, now_s)
        return session

    def _has_line(self, reason: Reason, request: Request) -> bool:
        return reason not in BY_ANYBODY or self._lines.take(source_of(address_of(request)), self.now_s())

    async def _answer_refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        reason = error.reason
        if reason is not Reason.NOT_LOGGED_IN and self._has_line(reason, request):
            self.tell(f"refused {address_of(request)}: {one_line(str(error))}")
        if not _is_person(request):
            return JSONResponse({"error": reason.word, "words": reason.words}, reason.status)
        if reason is Reason.NOT_LOGGED_IN and request.method in {"GET", "HEAD"}:
            query = f"?{request.url.query}" if request.url.query else ""
            place = safe_next(request.scope.get("raw_path", b"/").decode("latin-1") + query)
            return RedirectResponse(f"/login?next={quote(place, safe='/')}", 303)
        session: Session | None = getattr(request.state, "session", None)
        page = self.render(
            "login_refused.html",
            person=session.person if session else None,
            token=self.form_token(request) if session else "",
            place="",
            reason=reason,
        )
        return HTMLResponse(page, reason.status)


@contextmanager
def disk() -> Iterator[None]:
    """Turns a disk that fails into a refusal."""
    try:
        yield
    except ShellError as error:
        raise Refused(Reason.UNAVAILABLE, str(error)) from error


async def read_body(request: Request, most_bytes: int) -> bytes:
    """Raises Refused."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise Refused(Reason.UNREADABLE, f"more than {most_bytes} octets")
    return body


def address_of(request: Request) -> str:
    """Where the browser is, or the proxy before it."""
    return request.client.host if request.client else "unknown"


def one_line(text: str) -> str:
    """For the log: a stranger's text begins no line of its own there."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:500]


def _is_person(request: Request) -> bool:
    """Whether somebody looks at the answer; a script of the page does not navigate."""
    mode = request.headers.get("sec-fetch-mode")
    return mode == "navigate" if mode else "text/html" in request.headers.get("accept", "")


def _is_use(request: Request) -> bool:
    """Whether somebody did something; a page that refreshes itself is nobody at work."""
    return request.method == "POST" or request.headers.get("sec-fetch-mode", "navigate") == "navigate"


def open_guard(settings: OperatorSettings) -> Guard:
    """With the file of people beside the operator's database. Raises ShellError."""
    assert settings.page is not None, "who opens the page has it in the settings"
    store = PeopleStore(settings.state / PEOPLE_FILE)
    return Guard(store, settings.page.origin, render, _tell, lambda: int(time.time()))


def _tell(text: str) -> None:
    sys.stderr.write(format_log_line(time.time_ns() // 1_000_000, "page", text))
    sys.stderr.flush()
