"""Files that an operator copies are complete: they parse, their tools accept them, and they name only what exists.

A check by a tool of its own is skipped where the machine does not have the tool.
"""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.settings import Settings, load_settings
from tests.nginx_example import EXAMPLE, NGINX, example
from tests.units_of_systemd import INSTALLED, ROOT, UNITS, read_unit, variables
from web.process.worker import BEYOND_TIMEOUT_SECONDS
from web.request_hooks import LARGEST_BODY_BYTES

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
NAMING = sorted(
    path
    for path in [*DEPLOY.rglob("*"), *ROOT.glob("docs/**/*"), ROOT / "compose.yaml"]
    if path.is_file() and path.suffix not in {".png", ".pyc"}
)
KNOWN = {f"FRONTVIEW_{name.upper()}" for name in Settings.model_fields}
OF_THE_TESTS = {
    f"FRONTVIEW_{name}" for name in ("HOSTILE_REQUESTS", "SESSION_SETTINGS", "SIMULATION_SCHEDULES", "TEST_CHROMIUM")
}
UNIT_FILES = sorted(UNITS.iterdir())


def tool(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"this machine has no {name}")
    return found


def accepted(*command: str | Path, **environment: str) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **environment}, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def by_name(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.name)


class TestVariables:
    @by_name(NAMING)
    def test_every_variable_named_to_operators_is_a_setting(self, path: Path) -> None:
        named = set(re.findall(r"FRONTVIEW_[A-Z_]*[A-Z]", path.read_text(errors="ignore")))
        assert not named - KNOWN - OF_THE_TESTS

    def test_every_setting_is_in_its_document(self) -> None:
        documented = set(
            re.findall(r"^\| `(FRONTVIEW_\w+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
        )
        assert not KNOWN - documented
        assert not documented - KNOWN

    @by_name(sorted((DEPLOY / "env").iterdir()))
    def test_an_example_of_variables_has_no_secret_in_it(self, path: Path) -> None:
        values = variables(path)
        assert values["FRONTVIEW_DATABASE_URL"] == ""
        assert not values.get("FRONTVIEW_JWT_SECRET")


class TestSecretFiles:
    URL = "postgresql://somebody:hidden@h/d"

    def test_a_setting_may_come_from_a_credential_of_systemd(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "frontview_database_url").write_text(f"{self.URL}\n")
        monkeypatch.delenv("FRONTVIEW_DATABASE_URL", raising=False)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        assert load_settings().database_url == self.URL

    def test_the_environment_wins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "frontview_database_url").write_text(self.URL)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", "postgresql://other/d")
        assert load_settings().database_url == "postgresql://other/d"


class TestCompose:
    def test_the_command_of_compose_accepts_it(self) -> None:
        accepted(tool("docker-compose"), "-f", ROOT / "compose.yaml", "config", "--quiet")

    @pytest.mark.parametrize("name", SERVICES)
    def test_a_service_has_no_more_rights_than_it_needs(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"].partition(":")[0] not in ("", "0", "root")
        assert not {"privileged", "cap_add", "pid", "ipc", "network_mode", "devices"} & service.keys()
        assert service["healthcheck"].get("test") or name == "migrate"

    @pytest.mark.parametrize("name", SERVICES)
    def test_an_image_is_of_one_version(self, name: str) -> None:
        image, _, tag = SERVICES[name]["image"].rpartition(":")
        assert image
        assert re.match(r"\d+\.\d+", tag)

    @pytest.mark.parametrize("name", SERVICES)
    def test_a_secret_is_a_file_that_must_be_there(self, name: str) -> None:
        service = SERVICES[name]
        for variable, value in service["environment"].items():
            assert not re.search(r"SECRET|PASSWORD|_URL$", variable) or str(value).startswith("/run/secrets/")
            assert "${" not in str(value)
        for secret in service["secrets"]:
            source = secret["source"] if isinstance(secret, dict) else secret
            target = secret["target"] if isinstance(secret, dict) else ""
            assert COMPOSE["secrets"][source].keys() == {"file"}
            assert not target or target.upper() in KNOWN

    def test_our_processes_wait_for_the_migrations_and_those_for_the_database(self) -> None:
        assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
        for name in ("refresher", "web"):
            assert SERVICES[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}

    def test_the_script_makes_every_secret_and_keeps_what_is_there(self, tmp_path: Path) -> None:
        script = shutil.copy(DEPLOY / "make_secrets.sh", tmp_path)
        accepted(script)
        made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
        assert made.keys() == COMPOSE["secrets"].keys()
        assert {f"./deploy/secrets/{name}" for name in made} == {it["file"] for it in COMPOSE["secrets"].values()}
        assert len(set(made.values())) == len(made)
        assert all(len(value.encode()) >= 32 for value in made.values())
        load_settings(database_url=made["web_url"], jwt_secret=made["jwt_secret"])
        accepted(script)
        assert made == {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    def test_what_is_mounted_is_there(self) -> None:
        for volume in SERVICES["postgres"]["volumes"]:
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).is_file()


class TestImage:
    def test_every_file_it_copies_is_there_and_not_ignored(self) -> None:
        allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
        copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        sources = [source for line in copied for source in line.split()]
        assert "requirements.lock" in sources
        for source in sources:
            assert (ROOT / source).exists()
            assert any(fnmatch(source, pattern) for pattern in allowed)

    def test_every_package_is_in_it(self) -> None:
        project = (ROOT / "pyproject.toml").read_text()
        packages = re.search(r"^packages = \[(.*?)\]", project, re.MULTILINE | re.DOTALL)
        assert packages is not None
        for package in {name.split(".")[0] for name in re.findall(r'"([\w.]+)"', packages.group(1))}:
            assert f"\nCOPY {package} {package}\n" in DOCKERFILE

    def test_it_is_pinned_and_not_roots(self) -> None:
        assert re.search(r"^ARG PYTHON=python:\d+\.\d+\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
        assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON}"}
        assert "--constraint requirements.lock" in DOCKERFILE
        assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]


class TestUnits:
    @by_name(UNIT_FILES)
    def test_systemd_accepts_it(self, path: Path, tmp_path: Path) -> None:
        analyze = tool("systemd-analyze")
        here = tmp_path / path.name.replace("@.", "@8001.")
        here.write_text(path.read_text().replace(f"{INSTALLED}/.venv/bin", str(Path(sys.executable).parent)))
        said = subprocess.run([analyze, "verify", here], capture_output=True, text=True, check=False, timeout=60)
        assert (said.returncode, said.stderr) == (0, "")

    @by_name(UNIT_FILES)
    def test_it_has_no_more_rights_than_it_needs_and_its_variables_from_a_file(self, path: Path) -> None:
        service = read_unit(path.read_text())["Service"]
        for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectKernelTunables"):
            assert service[name] == ["yes"]
        assert service["ProtectSystem"] == ["strict"]
        assert service["CapabilityBoundingSet"] == [""]
        assert service["User"] == ["frontview"]
        (file,) = service["EnvironmentFile"]
        assert file.startswith("/etc/frontview/")  # without "-": it must be there
        assert (DEPLOY / "env" / Path(file).name).is_file()

    def test_all_are_hardened_alike(self) -> None:
        blocks = {path.read_text()[path.read_text().index("NoNewPrivileges") :].split("\n\n")[0] for path in UNIT_FILES}
        assert len({block.strip() for block in blocks}) == 1


class TestServers:
    def test_gunicorn_accepts_its_file(self) -> None:
        pytest.importorskip("gunicorn")
        accepted(
            Path(sys.executable).parent / "gunicorn", "--check-config", "--config", DEPLOY / "gunicorn.conf.py",
            "web.wsgi:app",
            FRONTVIEW_DATABASE_URL="postgresql://h/d", FRONTVIEW_JWT_SECRET="s" * 32,
        )  # fmt: skip

    @pytest.mark.skipif(NGINX is None, reason="this machine has no nginx")
    def test_nginx_accepts_its_file(self, tmp_path: Path) -> None:
        accepted(str(NGINX), "-t", "-c", example(tmp_path), "-p", tmp_path)

    def test_the_proxy_is_no_narrower_and_no_less_patient_than_the_application(self) -> None:
        text = EXAMPLE.read_text()
        assert 1024 * one(r"client_max_body_size (\d+)k;", text) == LARGEST_BODY_BYTES
        patience = Settings.model_fields["statement_timeout_seconds"].default * 2 + 5 + BEYOND_TIMEOUT_SECONDS
        assert one(r"proxy_read_timeout (\d+)s;", text) > patience
        gunicorn = (DEPLOY / "gunicorn.conf.py").read_text()
        assert one(r"^keepalive = (\d+)", gunicorn) > one(r"keepalive_timeout (\d+)s;", text)

    def test_the_pool_refuses_before_a_read_is_given_up(self) -> None:
        text = (DEPLOY / "pgbouncer.ini").read_text()
        assert "\npool_mode = transaction\n" in text
        waits = one(r"^query_wait_timeout = (\d+)$", text)
        assert waits < Settings.model_fields["statement_timeout_seconds"].default


def one(pattern: str, text: str) -> int:
    """Return the number at the first place where the pattern is."""
    found = re.search(pattern, text, re.MULTILINE)
    assert found is not None
    return int(found.group(1))
