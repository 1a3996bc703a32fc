"""Settings of the server."""

from dataclasses import dataclass, field, fields

from sitrep.settings.choices import EngineName
from sitrep.settings.jobs import InferenceSettings
from sitrep.settings.rules import expand_home, require


@dataclass
class ServingLimits:
    """What the server takes at most; `GET /info` tells all of it."""

    body_bytes: int = 4_194_304
    """Bytes of the body of a request."""
    bodies_bytes: int = 134_217_728
    """Bytes of all bodies that are held at a time."""
    inputs: int = 1_000
    """Texts of one request to `/predict`."""
    characters: int = 1_000_000
    """Characters of one text or page."""
    queue_tokens: int = 262_144
    """Tokens that wait for the model; a request that does not fit is refused with 429."""
    queue_seconds: float = 1.0
    """Time that a full queue takes, by the speed of late; counts where that is less than `queue_tokens`."""
    request_seconds: float = 60.0
    """From the last byte of a request to its answer; then 504."""
    body_seconds: float = 20.0
    """For the body of a request to come; then 408."""
    header_seconds: float = 10.0
    """For its headers; then the connection is closed."""
    answer_seconds: float = 30.0
    """That a client may take nothing of what it is sent; then the connection is closed."""
    keep_alive_seconds: float = 75.0
    """That a connection without a request is kept open."""
    drain_seconds: float = 30.0
    """That the server has, when it is asked to end, to answer what it has admitted."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            most = 86_400 if item.name.endswith("_seconds") else 2**40
            require(0 < value <= most, f"limits.{item.name}", value, f"must lie above 0 and not above {most:,}")


@dataclass
class ServeSettings:
    """Settings of `scripts/serve.py`."""

    checkpoint: str = "outputs/train/latest"
    """Run folder, or the `checkpoint` folder inside it, or any Hugging Face folder with our labels."""
    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` or `::`: every one of the machine; then set `SITREP_TOKEN` in the environment."""
    port: int = 8000
    """Port to listen on; 0: any that is free."""
    calibrated: bool = True
    """Use the temperature that was fitted on validation, and say what to check; a request may ask otherwise."""
    allowed_hosts: list[str] = field(default_factory=list)
    """Names by which browsers may reach the server, such as that of a proxy; on the loopback its own are known."""
    cors_origins: list[str] = field(default_factory=list)
    """Web pages of other origins that may use the server from a browser, such as `https://desk.example`."""
    log_requests: bool = True
    """A line of JSON for each request on standard error, without its text."""
    threads: int = 2
    """Threads that cut pages into sentences and tokenize."""
    engine: EngineName = EngineName.auto
    """As in `scripts/predict.py`."""
    limits: ServingLimits = field(default_factory=ServingLimits)
    inference: InferenceSettings = field(default_factory=InferenceSettings)

    def __post_init__(self) -> None:
        expand_home(self, "checkpoint")
        require(0 <= self.port <= 65_535, "port", self.port, "must lie between 0 and 65535")
        require(1 <= self.threads <= 64, "threads", self.threads, "must lie between 1 and 64")
        require(bool(self.host), "host", self.host, "name an address, such as 127.0.0.1")
        for origin in self.cors_origins:
            rule = "write an origin as browsers do: https://name or http://name:port"
            require(origin.startswith(("http://", "https://")) and origin.count("/") == 2, "cors_origins", origin, rule)
