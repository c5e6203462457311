"""What deploy/ says about VideoChat is true of it: settings, commands, routes, ports, times; and nobody else gets in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from conftest import skip_unless_ci
from offenders import assert_none
from redis_server import PROGRAM, free_port
from surface import ROUTES, SETTINGS, understood
from videochat.cli.serve import STOP_SECONDS
from videochat.ops.production import check_production
from videochat.settings import load_settings
from waiting import until

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
FILES = sorted(file for file in DEPLOY.rglob("*") if file.is_file())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = sorted(PROJECT["optional-dependencies"])
PORT = SETTINGS["SERVER__PORT"].default

SETTING = re.compile(r"\b[A-Z]+__[A-Z_]*[A-Z]\b")
HEALTH = re.compile(r"/health/\w+")
VARIABLE = re.compile(r"\$\{[^}]*\}")  # what Compose puts in from deploy/.env
PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
# What the images read beside settings of ours.
OTHERS = re.compile(r"PATH|HOME|HF_HOME|PYTHON\w+|PIP_\w+|NVIDIA_\w+|LD_LIBRARY_PATH|XDG_\w+")


def documents() -> Iterator[dict[str, Any]]:
    """Yield every Kubernetes object."""
    for file in sorted(KUBERNETES.rglob("*.yaml")):
        yield from yaml.safe_load_all(file.read_text(encoding="utf-8"))


OBJECTS = {(one["kind"], one.get("metadata", {}).get("name")): one for one in documents()}
PODS = {name: one["spec"]["template"]["spec"] for (kind, name), one in OBJECTS.items() if kind == "Deployment"}
CONTAINERS = {container["name"]: container for pod in PODS.values() for container in pod["containers"]}
KUSTOMIZATIONS = [
    yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(KUBERNETES.rglob("kustomization.yaml"))
]
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"].startswith("videochat")}


def literals(kustomization: Mapping[str, Any]) -> dict[str, str]:
    pairs = [pair for one in kustomization["configMapGenerator"] for pair in one.get("literals", ())]
    return dict(pair.split("=", 1) for pair in pairs)


BASE, S3 = (literals(one) for one in KUSTOMIZATIONS)
ENVIRONMENTS = {
    "image": dict(re.findall(r"^(?:ENV|   ) +([A-Z_]+)=(\S+)", DOCKERFILE, re.MULTILINE)),
    "compose": OURS["web"]["environment"],
    "kubernetes": BASE,
    "kubernetes on a bucket": BASE | S3,
}
COMMANDS = [
    *([*re.findall(r'"([^"]+)"', line)] for line in re.findall(r"^CMD (\[.*)$", DOCKERFILE, re.MULTILINE)),
    *(service["command"] for service in OURS.values()),
    *(container["args"] for container in CONTAINERS.values() if container["image"] == "videochat"),
]


def seconds(duration: str) -> float:
    assert duration.endswith("s")
    return float(duration.removesuffix("s"))


def hostname(url: str) -> str | None:
    return urlsplit(VARIABLE.sub("secret", url)).hostname


@contextmanager
def running(command: Sequence[str]) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def probes(container: Mapping[str, Any]) -> Iterator[str]:
    yield from (str(probe) for name, probe in container.items() if name.endswith("Probe"))


def test_every_setting_exists() -> None:
    """Whatever looks like a setting of ours, in comments too, is one."""
    named = {name for file in FILES for name in SETTING.findall(file.read_text(encoding="utf-8"))}
    assert_none(named - SETTINGS.keys())
    assert_none(
        name for one in ENVIRONMENTS.values() for name in one if name not in SETTINGS and not OTHERS.fullmatch(name)
    )


@pytest.mark.parametrize("where", ENVIRONMENTS)
def test_every_value_is_accepted(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings can be read as they are written there, lists and numbers included, and are fit for production."""
    monkeypatch.chdir(tmp_path)
    for name, value in ENVIRONMENTS[where].items():
        if name in SETTINGS:
            monkeypatch.setenv(name, value)
    assert ENVIRONMENTS[where]
    monkeypatch.setenv("SECRET_KEY", "0123456789abcdef" * 2)  # what people make and do not write down here
    monkeypatch.setenv("DATABASE__URL", "postgresql://user:password@host/name")
    check_production(load_settings())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_can_be_typed(words: list[str]) -> None:
    """What a container is told to do is parsed by the command itself."""
    context = understood(words)
    context.command.make_context(context.info_name, context.args)


def test_there_are_both_kinds_of_process_everywhere() -> None:
    """One for the page and the API, without a worker beside it, and one for the work."""
    assert sorted(map(tuple, COMMANDS)) == [("serve",), *[("serve", "--no-worker")] * 2, *[("worker",)] * 2]


def test_health_is_asked_for_where_it_is_told() -> None:
    """Every address that a probe or a proxy names is a route, and every kind of web container has a probe."""
    asked = {path for file in FILES for path in HEALTH.findall(file.read_text(encoding="utf-8"))}
    assert_none(path for path in asked if f"GET {path}" not in ROUTES)
    for asker in (DOCKERFILE, str(COMPOSE["services"]["proxy"]["healthcheck"]), *probes(CONTAINERS["web"])):
        assert "/health/live" in asker
    assert CONTAINERS["door"]["readinessProbe"]["httpGet"]["path"] == "/health/ready"


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_a_worker_that_hangs_is_noticed(where: str, tmp_path: Path) -> None:
    """The command looks at the file that the worker touches: one of just now is well, an old one and none are not."""
    worker = CONTAINERS["worker"]
    kind, compose = OURS["worker"]["healthcheck"]["test"]
    *shell, kubernetes = worker["livenessProbe"]["exec"]["command"]
    assert (kind, shell, worker["startupProbe"]["exec"]) == ("CMD-SHELL", ["sh", "-c"], worker["livenessProbe"]["exec"])
    command = {"compose": compose.replace("$$", "$"), "kubernetes": kubernetes}[where]
    touched, file = ENVIRONMENTS[where]["JOBS__ALIVE_FILE"], tmp_path / "alive"
    assert touched.startswith("/tmp/")  # which no two containers share
    assert touched in command

    def is_well() -> bool:
        return subprocess.run(["sh", "-c", command.replace(touched, str(file))], check=False).returncode == 0

    assert not is_well()
    file.touch()
    assert is_well()
    os.utime(file, (time.time() - 90,) * 2)
    assert not is_well()


def test_the_web_process_is_asked_on_its_port() -> None:
    """Proxies and probes look where it listens unless told otherwise, which nobody tells it."""
    assert not any("SERVER__PORT" in one or "SERVER__HOST" in one for one in ENVIRONMENTS.values())
    for file in [DEPLOY / "Caddyfile", KUBERNETES / "base" / "Caddyfile"]:
        upstreams = re.findall(r"reverse_proxy (\S+)", file.read_text(encoding="utf-8"))
        assert set(upstreams) == {f"127.0.0.1:{PORT}"}
    for asker in (DOCKERFILE, *probes(CONTAINERS["web"])):
        assert f"http://127.0.0.1:{PORT}/health" in asker


def test_compose_starts_all_that_a_service_needs() -> None:
    """Beside the web process and its proxy there are two workers, a database and a Redis, all with a check of their health."""
    services = COMPOSE["services"]
    assert services.keys() == {"proxy", "web", "worker", "database", "redis"}
    assert services["worker"]["deploy"]["replicas"] == 2
    for service in OURS.values():
        assert services[hostname(service["environment"]["DATABASE__URL"])]["image"].startswith("postgres:")
        assert services[hostname(service["environment"]["CACHE__URL"])]["image"].startswith("redis:")
        assert {"database", "redis"} <= service["depends_on"].keys()
    for name in services.keys() - {"web"}:  # which has the image's
        assert services[name]["healthcheck"]["test"]


async def test_the_redis_of_compose_starts_and_asks_for_its_password(tmp_path: Path) -> None:
    """The program takes these arguments, is found healthy with the password in its environment, and tells others nothing."""
    if PROGRAM is None:
        skip_unless_ci("no redis-server")
    redis, port = COMPOSE["services"]["redis"], str(free_port())
    command = [VARIABLE.sub("secret", word) for word in redis["command"]]
    without = {"PATH": os.environ["PATH"]}
    password = {name: VARIABLE.sub("secret", value) for name, value in redis["environment"].items()}

    def healthy(environment: dict[str, str]) -> bool:
        kind, check = redis["healthcheck"]["test"]
        assert kind == "CMD-SHELL"
        check = check.replace("redis-cli", f"redis-cli -p {port}")
        return subprocess.run(["sh", "-c", check], env=environment, check=False).returncode == 0

    with running([*command, "--port", port, "--dir", str(tmp_path)]):
        await until(lambda: healthy(without | password))
        assert not healthy(without)


def test_only_this_machine_gets_in() -> None:
    """Compose publishes one port, on loopback, of the proxy in whose network the web process is."""
    ports = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert ports == {"proxy": [f"127.0.0.1:{PORT}:8080"]}
    assert COMPOSE["services"]["web"]["network_mode"] == "service:proxy"


def test_whoever_comes_to_a_cluster_must_say_who_they_are() -> None:
    """The one open port is the door's, and it asks before it passes anything on but the question of health."""
    assert {name for name, container in CONTAINERS.items() if "ports" in container} == {"door"}
    door = (KUBERNETES / "base" / "Caddyfile").read_text(encoding="utf-8")
    before, asked = door.split("basic_auth", 1)
    assert before.count("reverse_proxy") == 1
    assert "handle @open" in before
    assert "reverse_proxy" in asked
    assert OBJECTS["Service", "videochat"]["spec"]["ports"][0]["targetPort"] == "http"


def test_a_stop_waits_for_the_windows_in_flight() -> None:
    """Whoever stops a process gives it more time than it takes to drain and to clean up."""
    drain = float(OURS["worker"]["environment"]["JOBS__DRAIN_SECONDS"]) + STOP_SECONDS
    assert_none(name for name, service in OURS.items() if seconds(service["stop_grace_period"]) <= drain)
    drain = float(BASE["JOBS__DRAIN_SECONDS"]) + STOP_SECONDS
    assert PODS["videochat-worker"]["terminationGracePeriodSeconds"] > drain


def test_nobody_is_root() -> None:
    """No container runs as root, gains rights, or writes outside of its volumes."""
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    services = COMPOSE["services"]
    assert_none(name for name in services.keys() - OURS.keys() if services[name].get("user", "root") in {"root", "0"})
    assert_none(name for name, service in services.items() if "ALL" not in service["cap_drop"])
    assert_none(name for name, service in OURS.items() if not service["read_only"])
    assert_none(name for name, pod in PODS.items() if not pod["securityContext"]["runAsNonRoot"])
    for container in CONTAINERS.values():
        context = container["securityContext"]
        assert not context["allowPrivilegeEscalation"]
        assert context["readOnlyRootFilesystem"]
        assert context["capabilities"]["drop"] == ["ALL"]


def test_every_extra_can_be_asked_for() -> None:
    """Each has its lock with what it needs beside the rest, pinned by hash and without an address."""
    locks = {
        name: (ROOT / "lock" / f"{name}.txt").read_text()
        for name in ["runtime", "build", *(f"extra-{e}" for e in EXTRAS)]
    }
    assert sorted(file.stem for file in (ROOT / "lock").glob("extra-*")) == [f"extra-{extra}" for extra in EXTRAS]
    assert_none(
        name for name, lock in locks.items() if "://" in lock or lock.count("==") > lock.count("--hash=sha256:")
    )
    runtime = dict(PINNED.findall(locks["runtime"]))
    assert_none(
        package for extra in EXTRAS for package in dict(PINNED.findall(locks[f"extra-{extra}"])).keys() & runtime.keys()
    )


def test_what_the_image_copies_is_let_into_its_context() -> None:
    """Nothing is copied that the list of ignored files holds back, and nothing else is let in."""
    copied = {
        source.split("/")[0]
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for source in line.split()
    }
    rules = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert copied == allowed
    assert rules.index("*") < min(rules.index(f"!{name}") for name in allowed)
    assert_none(name for name in allowed if not any(fnmatch(path.name, name) for path in ROOT.iterdir()))


@pytest.mark.parametrize("variant", ["base", "s3"])
def test_kustomize_puts_it_together(variant: str) -> None:
    """The variants can be rendered, and on a bucket nothing is left of the shared volume."""
    if shutil.which("kubectl") is None:
        skip_unless_ci("no kubectl")
    rendered = subprocess.run(
        ["kubectl", "kustomize", KUBERNETES / variant], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    assert {one["kind"] for one in yaml.safe_load_all(rendered)} >= {"ConfigMap", "Service", "Deployment"}
    assert ("shared" in rendered) == (variant == "base")
