"""What docs/serving.md says of the server is so, and what it gives to copy can be read by what it is for."""

import configparser
import json
import re
import shlex
from dataclasses import fields

import pytest
from conftest import PROJECT

from sitrep.cli.command_list import COMMANDS
from sitrep.cli.composition import compose_settings
from sitrep.serving.measurements import Measurements
from sitrep.serving.problems import STATUS
from sitrep.settings.serving import ServingLimits

DOCS = (PROJECT / "docs" / "serving.md").read_text(encoding="utf-8")
INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"}


def blocks(language):
    found = re.findall(rf"^```{language}\n(.*?)^```", DOCS, re.M | re.S)
    assert found, language
    return found


def first_cells(heading):
    part = DOCS.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line.split(" | ") for line in part.splitlines() if line.startswith("| ")]


def test_table_of_limits_is_that_of_the_settings():
    shown = {cells[0].strip("| `"): cells[1] for cells in first_cells("Limits")[1:]}
    assert shown == {item.name: f"{item.default:,}" for item in fields(ServingLimits)}


def test_table_of_errors_has_each_code_with_its_status():
    shown = {}
    for cells in first_cells("Errors")[1:]:
        statuses = [int(status) for status in re.findall(r"\d+", cells[0])]
        codes = [code for code in re.findall(r"`(\w+)`", cells[1]) if code in STATUS]
        shown |= dict(zip(codes, statuses * (1 if len(statuses) > 1 else len(codes)), strict=True))
    assert shown == STATUS


def test_table_of_figures_names_all_that_are_told():
    measurements = Measurements()
    measurements.watch_queue(lambda: 0, lambda: 0, lambda: 0.0)
    names = {family.name + ("_total" if family.type == "counter" else "") for family in measurements.registry.collect()}
    assert {cells[0].strip("| `") for cells in first_cells("Figures for Prometheus")[1:]} == names


def test_container_file_has_only_known_instructions_and_starts_a_command_that_there_is():
    (text,) = blocks("dockerfile")
    instructions = [line.partition(" ")[::2] for line in text.replace("\\\n", " ").splitlines()]
    assert {name for name, _ in instructions} <= INSTRUCTIONS
    assert instructions[0][0] == "FROM"
    given = dict(instructions)
    json.loads(given["HEALTHCHECK"].partition("CMD ")[2])
    program, command, *overrides = json.loads(given["ENTRYPOINT"])
    assert program == "sitrep"
    settings = compose_settings(command, COMMANDS[command].schema, overrides)
    assert (settings.host, str(settings.port)) == ("0.0.0.0", given["EXPOSE"])


def test_container_installs_what_runs_the_checkpoint_that_is_mounted():
    (text,) = blocks("dockerfile")
    (extras,) = re.findall(r'"\.\[([a-z,]+)\]"', text)
    assert set(extras.split(",")) == {"serve", "train"}
    mounted = re.search(r'-v "\$PWD/([^:"]+):/checkpoint:ro"', DOCS)
    assert mounted[1] == "outputs/train/latest/checkpoint"  # weights, which PyTorch runs


def test_unit_of_systemd_can_be_read_and_leaves_time_for_the_end():
    (text,) = blocks("ini")
    unit = configparser.ConfigParser(interpolation=None, delimiters="=")
    unit.optionxform = str
    unit.read_string(text)
    assert unit.sections() == ["Unit", "Service", "Install"]
    assert int(unit["Service"]["TimeoutStopSec"]) > ServingLimits().drain_seconds
    program, command, *overrides = shlex.split(unit["Service"]["ExecStart"].replace("%i", "8001"))
    assert program.endswith("/sitrep")
    settings = compose_settings(command, COMMANDS[command].schema, overrides)
    assert settings.allowed_hosts == ["sitrep.example"]


def test_settings_of_the_proxy_are_closed_and_wait_longer_than_the_server():
    (text,) = blocks("nginx")
    assert text.count("{") == text.count("}")
    assert all(re.search(r"[;{}]$", line) for line in text.splitlines() if line.strip())
    assert int(re.search(r"proxy_read_timeout (\d+)s", text)[1]) > ServingLimits().request_seconds
    assert int(re.search(r"client_max_body_size (\d+)m", text)[1]) * 2**20 == ServingLimits().body_bytes


@pytest.mark.parametrize("code", blocks("python"))
def test_examples_in_python_compile(code):
    compile(code, "docs/serving.md", "exec")


def test_commands_of_the_page_are_valid():
    lines = re.findall(r"^\.venv/bin/python scripts/(\w+)\.py (.*)$", DOCS, re.M)
    assert {name for name, _ in lines} == {"serve", "train"}
    for name, rest in lines:
        assert compose_settings(name, COMMANDS[name].schema, shlex.split(rest, comments=True))
