"""The files of `deploy/`: what they name exists, and what they promise stands in them. None of them
is run here; see deploy/README.md."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mmembed.cli import _parser
from mmembed.config.settings import describe

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
UNITS = sorted(DEPLOY.glob("systemd/*.service"))
BUILT = ("mmembed", "registry.example/mmembed:0.1.0")
"""Names of the image that Dockerfile makes."""


def resources() -> list[dict[str, Any]]:
    """All of Kubernetes."""
    files = sorted(DEPLOY.glob("kubernetes*.yaml"))
    return [part for file in files for part in yaml.safe_load_all(file.read_text())]


def services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())[
        "services"
    ]
    return services


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in resources():
        if "template" in resource.get("spec", {}):
            yield resource["metadata"]["name"], resource["spec"]["template"]["spec"]


def of_units(path: Path) -> dict[str, list[str]]:
    """The values of each setting."""
    settings: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE):
        settings.setdefault(name, []).append(value)
    return settings


def commands() -> Iterator[list[str]]:
    """Every command of mmembed, without its first word."""
    for line in re.findall(r'^CMD (\["serve.*)$', (DEPLOY / "Dockerfile").read_text(), re.M):
        yield yaml.safe_load(line)
    for service in services().values():
        if service["image"] in BUILT and "command" in service:
            yield service["command"]
    for _, pod in pods():
        for container in pod["containers"]:
            assert "command" not in container, "a shell would keep the signal to end from it"
            yield container["args"]
    for unit in UNITS:
        [line] = of_units(unit)["ExecStart"]
        program, *arguments = shlex.split(line.replace("${PHOTOS}", "/srv/photos"))
        assert program == "/opt/mmembed/bin/mmembed"
        yield arguments
    readme = (DEPLOY / "README.md").read_text()
    for line in re.findall(r"(?:^|docker run .*)\bmmembed ([a-z].*)$", readme, re.MULTILINE):
        yield shlex.split(line, comments=True)


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_commands_can_be_given(command: list[str]) -> None:
    parsed = _parser(command).parse_args(command)
    assert parsed.run


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_settings_exist(path: Path) -> None:
    known = {variable for variable, _, _ in describe()}
    named = set(re.findall(r"\bMMEMBED_[A-Z_]*[A-Z]\b", path.read_text()))
    assert named <= known


def test_units_read_a_file_that_is_there() -> None:
    assert {unit.name for unit in UNITS} >= {"mmembed.service", "mmembed-index.service"}
    for unit in UNITS:
        settings = of_units(unit)
        assert settings["EnvironmentFile"] == ["/etc/mmembed/mmembed.env"]
        assert settings["User"] == ["mmembed"]
        assert settings["ProtectSystem"] == ["strict"]
        assert settings["NoNewPrivileges"] == ["yes"]
        assert settings["CapabilityBoundingSet"] == [""]


def test_containers_of_compose_may_do_little() -> None:
    ours = {name: part for name, part in services().items() if part["image"] in BUILT}
    assert {"server-1", "server-2", "index"} == set(ours)
    for service in [*ours.values(), services()["balancer"]]:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    for service in ours.values():
        places = [
            volume.split(":")[-2 if volume.endswith(":ro") else -1] for volume in service["volumes"]
        ]
        assert places[:2] == ["/var/lib/mmembed", "/var/lib/mmembed/files"]
        assert service["environment"]["MMEMBED_BLOBS"] == "/var/lib/mmembed/files"


def test_pods_may_do_little() -> None:
    names = [name for name, _ in pods()]
    assert names == ["mmembed-plan", "mmembed-work", "mmembed"]
    for _, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert container["image"] in BUILT
            allowed = container["securityContext"]
            assert allowed["readOnlyRootFilesystem"] is True
            assert allowed["allowPrivilegeEscalation"] is False
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes


def test_what_pods_refer_to_is_there() -> None:
    names = {(part["kind"], part["metadata"]["name"]) for part in resources()}
    text = "\n".join(path.read_text() for path in DEPLOY.glob("kubernetes*.yaml"))
    for claim in re.findall(r"claimName: ([\w-]+)", text):
        assert ("PersistentVolumeClaim", claim) in names
    for config in re.findall(r"configMapRef: {name: ([\w-]+)}", text):
        assert ("ConfigMap", config) in names
    for secret in re.findall(r"secretRef: {name: ([\w-]+)}", text):
        assert f"create secret generic {secret}" in text


def test_probes_ask_what_they_are_for() -> None:
    [server] = [pod for name, pod in pods() if name == "mmembed"]
    [container] = server["containers"]
    paths = {
        name: container[f"{name}Probe"]["httpGet"]["path"]
        for name in ("startup", "readiness", "liveness")
    }
    assert paths == {"startup": "/ready", "readiness": "/ready", "liveness": "/ping"}
    assert "/ready" in (DEPLOY / "is_ready.py").read_text()
    assert "uri /ready" in (DEPLOY / "haproxy.cfg").read_text()


def test_images_have_a_version() -> None:
    images = [service["image"] for service in services().values()]
    for image in set(images) - set(BUILT):
        assert re.search(r":[\w.-]*\d", image), image


def test_the_image_is_what_the_script_installs() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    script = (DEPLOY / "install.sh").read_text()
    for option in re.findall(r"(--\w+) ", dockerfile.partition("install.sh --torch")[2]):
        assert option in script
    assert "USER 10001:10001" in dockerfile
    assert "--uid 10001" in script
    assert "HEALTHCHECK" in dockerfile


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nonsense"], "--nonsense: unknown"),
        (["--torch"], "--torch: a value is missing"),
        (["--torch", "tpu"], "--torch tpu: expected cpu or cuda"),
    ],
)
def test_the_script_refuses_what_it_does_not_know(arguments: list[str], said: str) -> None:
    command = ["sh", str(DEPLOY / "install.sh"), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert said in run.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_knows_the_settings_of_units(unit: Path, tmp_path: Path) -> None:
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
    copy = tmp_path / unit.name.replace("@.", "@1.")
    copy.write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", str(copy)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [line for line in run.stderr.splitlines() if unit.stem.strip("@") in line] == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("haproxy") is None, reason="no haproxy")
def test_haproxy_takes_its_file() -> None:
    command = ["haproxy", "-c", "-f", str(DEPLOY / "haproxy.cfg")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
