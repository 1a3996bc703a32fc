"""What is answered instead of labels: each problem has a stable code, a status and one line for people."""

import json

STATUS = {
    "malformed_json": 400,
    "malformed_request": 400,
    "unauthorized": 401,
    "forbidden_host": 403,
    "forbidden_origin": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "too_slow": 408,
    "too_large": 413,
    "unsupported_media_type": 415,
    "invalid_request": 422,
    "empty_input": 422,
    "unreadable_input": 422,
    "full": 429,
    "client_gone": 499,
    "internal_error": 500,
    "model_failed": 500,
    "loading": 503,
    "draining": 503,
    "not_working": 503,
    "out_of_time": 504,
}
"""Status by code. Nobody sees 499, which stands in the log only."""


class Problem(Exception):
    """Ends a request.

    Attributes:
        code: One of :data:`STATUS`.
        message: In one line: what is wrong, and what to do.
        field: Of the request, dotted.
        headers: Of the answer.
    """

    def __init__(
        self, code: str, message: str, field: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.field = field
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """Of HTTP."""
        return STATUS[self.code]

    def body(self) -> bytes:
        """As JSON."""
        error = {"code": self.code, "message": self.message} | ({"field": self.field} if self.field else {})
        return json.dumps({"error": error}).encode()
