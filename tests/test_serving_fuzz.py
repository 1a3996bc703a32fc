"""Requests that are made up from the server's own description."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import served

from sitrep.inference.predictor import Predictor

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
BODIES, OTHERS = ("/predict", "/pages"), ("/info", "/livez", "/readyz", "/metrics", "/docs")
TRIED = [(path, mode) for path in BODIES for mode in GenerationMode] + [
    (path, GenerationMode.POSITIVE)
    for path in OTHERS  # there is nothing about them that could be wrong
]


@pytest.fixture(scope="module")
def described(run_directory):
    predictor = Predictor.from_checkpoint(run_directory, precision="fp32")
    with served(run_directory, predictor, limits={"body_bytes": 100_000}) as server:
        yield schemathesis.openapi.from_url(f"{server.url}/openapi.json")


@pytest.mark.slow
@pytest.mark.parametrize(("path", "mode"), TRIED)
def test_no_request_of_the_description_brings_an_error_of_the_server(described, path, mode):
    (operation,) = [found.ok() for found in described.get_all_operations() if found.ok().path == path]

    @settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        case.call_and_validate(checks=CHECKS)

    ask()


@pytest.mark.slow
def test_every_path_of_the_description_is_tried(described):
    assert {found.ok().path for found in described.get_all_operations()} == {*BODIES, *OTHERS}
