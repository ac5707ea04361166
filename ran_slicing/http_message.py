"""A request to a network function and its response, whichever version of HTTP carries them.

Header names are lower case. A body is whole; what is larger than MAX_BODY_BYTES is refused where it arrives.
"""

from typing import NamedTuple

MAX_BODY_BYTES = 256 * 1024
"""A page of a hundred UEs in the core's lists has some 100 KB; a problem report has some hundred bytes."""


class Request(NamedTuple):
    """Method, path with query, headers beyond those that the connection adds itself, body."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first header of that name, lower case, or None."""
        return next((value for key, value in self.headers if key == name), None)


class Response(NamedTuple):
    """Status 200 to 599 (what is merely informational is not handed on), headers, body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first header of that name, lower case, or None."""
        return next((value for key, value in self.headers if key == name), None)
