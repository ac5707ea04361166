"""Logging in and out, registering a key by a link, and the list of one's own keys.

HTML for people, JSON for the small script of these pages (static/login.js). What a key or a link is worth, the pure
modules say (asking.py, attempts.py, keys.py); this file carries it between browser, file of people and log.

    GET  /login               the page              POST /login/options      what a key shall sign
    POST /login               its answer: a session, or why not
    GET  /register            the page; the link's token stands behind #, so that no server and no log on the way has it
    POST /register/options    the token, for what a new key shall sign
    POST /register            token and answer: the key is kept, the link is used up
    GET  /keys                one's own keys        POST /keys/remove        one of them
    POST /logout
"""

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from webauthn.helpers.structs import AuthenticationCredential, RegistrationCredential

from operatord.page.asking import (
    ASKING_S,
    LOGIN,
    NONCE_SIZE,
    SECRET_SIZE,
    Answered,
    Asking,
    ask,
    register_purpose,
)
from operatord.page.attempts import Attempts, source_of
from operatord.page.guard import Guard, address_of, disk, read_body, safe_next
from operatord.page.keys import (
    MAX_ANSWER_BYTES,
    login_options,
    read_login,
    read_new_key,
    registration_options,
    verify_login,
    verify_new_key,
)
from operatord.page.people import IDLE_S, TOKEN_SIZE, Key, Person, Role, hash_token
from operatord.page.refusals import Reason, Refused
from wire.units import format_instant


class Ceremonies:
    """What WebAuthn calls the two ceremonies, of one page: challenges, attempts, and what follows from an answer."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._secret = secrets.token_bytes(SECRET_SIZE)
        self._answered = Answered()
        self._one_at_a_time = threading.Lock()
        self._attempts = Attempts()

    async def read(self, request: Request) -> dict[str, Any]:
        """The JSON object that the page's own script sent, if this address has an attempt left. Raises Refused."""
        guard = self._guard
        guard.check_origin(request)  # what another site sends takes none of this address's attempts
        if not self._attempts.take(source_of(address_of(request)), guard.now_s()):
            raise Refused(Reason.TOO_MANY)
        try:
            told = json.loads(await read_body(request, MAX_ANSWER_BYTES))
        except (ValueError, RecursionError) as error:
            if isinstance(error, Refused):
                raise
            raise Refused(Reason.UNREADABLE, "no JSON") from None
        if not isinstance(told, dict):
            raise Refused(Reason.UNREADABLE, "no JSON object")
        return told

    def ask(self, purpose: str) -> tuple[str, bytes]:
        """A cookie for one browser, and the challenge for its key."""
        asking = ask(self._secret, purpose, secrets.token_bytes(NONCE_SIZE), self._guard.now_s())
        return asking.cookie, asking.challenge

    def answer(self, request: Request, purpose: str) -> Asking:
        """What this browser's key had to sign. Raises Refused."""
        cookie = request.cookies.get(self._guard.asking_cookie, "")
        return Asking(cookie, self._answered.challenge(self._secret, purpose, cookie, self._guard.now_s()))

    def _take(self, asking: Asking) -> None:
        """It was signed as it should be: once. Raises Refused."""
        with self._one_at_a_time:
            self._answered.take(asking.cookie, self._guard.now_s())

    def log_in(self, request: Request, credential: AuthenticationCredential, asking: Asking) -> str:
        """The token of a new session, in place of the browser's old one. Raises Refused."""
        guard = self._guard
        with disk():
            key = guard.store.key(credential.raw_id)
            if key is None:
                raise Refused(Reason.UNKNOWN_KEY, f"key {credential.raw_id[:4].hex()}")
            try:
                entry = guard.store.entry(key.person)
            except LookupError:  # removed a moment ago
                raise Refused(Reason.UNKNOWN_KEY, f"key {key.short_id}") from None
            with _of(key):
                sign_count = verify_login(credential, asking.challenge, guard.origin, key, entry.handle)
                self._take(asking)
                now_s, token = guard.now_s(), secrets.token_urlsafe(TOKEN_SIZE)
                guard.end(request)
                if not guard.store.begin_session(hash_token(token), key, sign_count, now_s, now_s - IDLE_S):
                    raise Refused(Reason.TOO_OLD, "it was used or removed meanwhile")
        guard.note(request, entry.person, f"logged in with key {key.short_id}")
        return token

    def link_options(self, link: str) -> tuple[str, dict[str, Any]]:
        """For whoever has a link that is good: a cookie, and what a new key shall sign. Raises Refused."""
        guard, link_hash = self._guard, hash_token(link)
        with disk():
            name = self._whose(link_hash)
            entry = guard.store.entry(name)
        cookie, challenge = self.ask(register_purpose(link_hash))
        return cookie, registration_options(guard.origin, name, entry.handle, challenge, entry.keys)

    def register(
        self, request: Request, link_hash: bytes, credential: RegistrationCredential, asking: Asking
    ) -> None:
        """Keeps a new key, and the link is over. Raises Refused."""
        guard, now_s = self._guard, self._guard.now_s()
        new = verify_new_key(credential, asking.challenge, guard.origin)
        with disk():
            name = self._whose(link_hash)
            self._take(asking)
            key = Key(new.key_id, name, new.public_key, new.sign_count, now_s)
            try:
                kept = guard.store.register(link_hash, key, now_s)
            except LookupError:
                raise Refused(Reason.KEY_TAKEN, f"key {key.short_id}, by a link of {name}") from None
            if not kept:
                raise Refused(Reason.LINK_OVER, f"of {name}")
            person = guard.store.entry(name).person
        guard.note(request, person, f"registered key {key.short_id}")

    def _whose(self, link_hash: bytes) -> str:
        name = self._guard.store.link_of(link_hash, self._guard.now_s())
        if name is None:
            raise Refused(Reason.LINK_OVER)
        return name


def login_routes(guard: Guard) -> APIRouter:
    """Logging in and out, registering a key, one's own keys."""
    router, ceremonies = APIRouter(), Ceremonies(guard)
    _add_login(router, guard, ceremonies)
    _add_register(router, guard, ceremonies)
    _add_keys(router, guard)
    return router


def _add_login(router: APIRouter, guard: Guard, ceremonies: Ceremonies) -> None:
    @router.get("/login")
    def show_login(request: Request, next: str = "/") -> Response:  # noqa: A002 as it stands in the address
        person = guard.find_person(request)
        return _page(guard, request, "login.html", person, next=safe_next(next))

    @router.post("/login/options")
    async def ask_login(request: Request) -> Response:
        guard.check_origin(request)
        cookie, challenge = ceremonies.ask(LOGIN)
        return _options(guard, cookie, login_options(guard.origin, challenge))

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        told = await ceremonies.read(request)
        credential = read_login(told.get("answer"))
        asking = ceremonies.answer(request, LOGIN)
        token = await run_in_threadpool(ceremonies.log_in, request, credential, asking)
        response = JSONResponse({"go": safe_next(told.get("next"))})
        guard.begin(response, token)
        return response

    @router.post("/logout")
    def log_out(
        request: Request,
        person: Annotated[Person, Depends(guard.require(Role.VIEWER))],
        _fields: Annotated[dict[str, str], Depends(guard.check_form)],
    ) -> Response:
        response = RedirectResponse("/login", 303)
        guard.end(request, response)
        guard.note(request, person, "logged out")
        return response


def _add_register(router: APIRouter, guard: Guard, ceremonies: Ceremonies) -> None:
    @router.get("/register")
    def show_register(request: Request) -> Response:
        return _page(guard, request, "register.html", None)

    @router.post("/register/options")
    async def ask_register(request: Request) -> Response:
        link = _link(await ceremonies.read(request))
        cookie, options = await run_in_threadpool(ceremonies.link_options, link)
        return _options(guard, cookie, options)

    @router.post("/register")
    async def register(request: Request) -> Response:
        told = await ceremonies.read(request)
        link_hash, credential = hash_token(_link(told)), read_new_key(told.get("answer"))
        asking = ceremonies.answer(request, register_purpose(link_hash))
        await run_in_threadpool(ceremonies.register, request, link_hash, credential, asking)
        return JSONResponse({"go": "/login"})


def _add_keys(router: APIRouter, guard: Guard) -> None:
    @router.get("/keys")
    def show_keys(
        request: Request, person: Annotated[Person, Depends(guard.require(Role.VIEWER))]
    ) -> Response:
        with disk():
            entry = guard.store.entry(person.name)
        rows = [
            {
                "id": key.key_id.hex(),
                "short": key.short_id,
                "added": format_instant(key.added_s),
                "used": "never" if key.used_s is None else format_instant(key.used_s),
                "is_this": key.key_id == request.state.session.key_id,
            }
            for key in entry.keys
        ]
        return _page(guard, request, "login_keys.html", person, keys=rows, session_count=entry.session_count)

    @router.post("/keys/remove")
    def remove_key(
        request: Request,
        person: Annotated[Person, Depends(guard.require(Role.VIEWER))],
        fields: Annotated[dict[str, str], Depends(guard.check_form)],
    ) -> Response:
        try:
            key_id = bytes.fromhex(fields.get("key", ""))
        except ValueError:
            raise Refused(Reason.UNREADABLE, "a key's id") from None
        if key_id == request.state.session.key_id:
            raise Refused(Reason.KEY_IN_USE)
        with disk():
            if guard.store.remove_key(person.name, key_id):
                guard.note(request, person, f"removed key {key_id[:4].hex()}")
        return RedirectResponse("/keys", 303)


@contextmanager
def _of(key: Key) -> Iterator[None]:
    """Adds to the log's line whose key was refused."""
    try:
        yield
    except Refused as error:
        raise Refused(error.reason, f"key {key.short_id} of {key.person}: {error.detail}") from error


def _link(told: dict[str, Any]) -> str:
    link = told.get("link")
    if not isinstance(link, str) or not link.isascii():
        raise Refused(Reason.UNREADABLE, "no link")
    return link


def _options(guard: Guard, cookie: str, options: dict[str, Any]) -> Response:
    response = JSONResponse(options)
    guard.set_cookie(response, guard.asking_cookie, cookie, ASKING_S)
    return response


def _page(guard: Guard, request: Request, template: str, person: Person | None, **values: Any) -> Response:
    token = guard.form_token(request) if person else ""
    return HTMLResponse(guard.render(template, person=person, token=token, place="", **values))
