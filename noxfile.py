"""The checks of this project. `./test` installs what they need and runs them; `nox -s unit` runs one alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import nox

REPO = Path(__file__).parent
OUTPUT = REPO / "tests" / "output"
NEWER_PYTHON = (3, 12)

# One environment for all, made by tools/bootstrap.sh from requirements/test.txt: ansible alone is half a gigabyte.
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "docs", "sanity", "unit", "integration", "molecule"]


def pytest(session: nox.Session, name: str, *args: str, folder: str = "") -> None:
    """Run pytest on tests/NAME, or another folder there, its result kept in tests/output/NAME.xml."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    session.run("pytest", f"tests/{folder or name}", f"--junitxml={OUTPUT / name}.xml", *args, *session.posargs)


def tracked(session: nox.Session) -> list[Path]:
    """The files that git knows or would add, relative to the top folder."""
    names = session.run("git", "ls-files", "--cached", "--others", "--exclude-standard", silent=True, external=True)
    return [Path(name) for name in str(names).splitlines() if (REPO / name).is_file()]


def is_shell(path: Path) -> bool:
    """By name or first line; a template is no script yet."""
    first = path.read_bytes().partition(b"\n")[0]
    return path.suffix == ".sh" or (path.suffix != ".j2" and first.startswith(b"#!") and first.endswith(b"sh"))


def collection_copy(session: nox.Session, into: str) -> Path:
    """Copy what git knows to a folder that ends in ansible_collections/scaleout/webapp, as ansible-test wants."""
    target = Path(into) / "ansible_collections" / "scaleout" / "webapp"
    for name in tracked(session):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPO / name, target / name)
    return target


@nox.session
def lint(session: nox.Session) -> None:
    """Style of Python, YAML, Ansible content and shell."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("shellcheck", *(str(path) for path in tracked(session) if is_shell(REPO / path)), external=True)
    session.run("yamllint", ".")
    session.run("ansible-lint", "--offline")


@nox.session
def types(session: nox.Session) -> None:
    """Types of the Python code, seen as the collection it is."""
    session.run("mypy", "-p", "ansible_collections.scaleout.webapp.plugins")
    session.run("mypy", "tests", "tools", "benchmarks", "noxfile.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Documentation of modules and roles, changelog fragments."""
    with tempfile.TemporaryDirectory() as folder:
        copy = collection_copy(session, folder)
        session.chdir(copy)
        session.run("antsibull-docs", "lint-collection-docs", "--plugin-docs", ".")
        session.run("antsibull-changelog", "lint")


@nox.session
def sanity(session: nox.Session) -> None:
    """ansible-test sanity, with nothing ignored."""
    # ansible-test downloads get-pip from a host of its own; ensurepip does the same where that is out of reach.
    shim = Path.home() / ".ansible" / "test" / "cache" / "get_pip_24_2.py"
    if not shim.exists():
        shim.parent.mkdir(parents=True, exist_ok=True)
        shim.write_text("import ensurepip\n\nensurepip.bootstrap(default_pip=True)\n")
    # Only interpreters that really run: a version manager's shims answer for versions that do not.
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    with tempfile.TemporaryDirectory() as folder:
        session.chdir(collection_copy(session, folder))
        session.run("ansible-test", "sanity", "--local", "--color", "no", *session.posargs, env={"PATH": path})


@nox.session
def unit(session: nox.Session) -> None:
    """Pure code."""
    pytest(session, "unit", "-n", "2")


@nox.session
def integration(session: nox.Session) -> None:
    """Modules and roles against real processes on loopback."""
    # More than there are processors: most of the time is spent on waiting for elections and the like.
    # By files: what the tests of one share is made once.
    pytest(session, "integration", "-n", "3", "--dist", "loadscope")


def newer_python(session: nox.Session) -> str:
    """A Python that the newest ansible-core runs with."""
    named = os.environ.get("SCALEOUT_PYTHON")
    installed = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3"), reverse=True)
    new_enough = f"import sys; sys.exit(sys.version_info < {NEWER_PYTHON})"
    for python in [named] if named else ["python3", "python3.14", "python3.13", "python3.12", *map(str, installed)]:
        # A version manager's shim may stand for a version that is not there.
        if (
            shutil.which(python)
            and subprocess.run([python, "-c", new_enough], stderr=subprocess.DEVNULL, check=False).returncode == 0
        ):
            return python
    wanted = ".".join(map(str, NEWER_PYTHON))
    session.error(
        f"{named or 'no Python here'} is not {wanted} or newer, as this ansible-core wants: set SCALEOUT_PYTHON"
    )


@nox.session(name="core-2.21")
def core_2_21(session: nox.Session) -> None:
    """Playbooks and plan under ansible-core 2.21, in an environment of its own. Part of --full."""
    environment = REPO / ".nox" / "core-2.21"
    requirements = REPO / "requirements" / "core-2.21.txt"
    session.run(newer_python(session), "-m", "venv", "--clear", str(environment), external=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    session.run(*pip, "-r", str(requirements), external=True)
    # The collections that ours depends on come from the other environment.
    collections = [REPO / ".ansible" / "collections", sysconfig.get_path("purelib")]
    session.env["PATH"] = os.pathsep.join([str(environment / "bin"), os.environ["PATH"]])
    session.env["ANSIBLE_COLLECTIONS_PATH"] = os.pathsep.join(map(str, collections))
    # By way of env, so that it is the one that tests find too.
    version = str(session.run("env", "ansible", "--version", silent=True, external=True))
    print(version)
    if not version.startswith("ansible [core 2.21."):
        session.error(f"{environment} has another version than {requirements.name} wants")

    playbooks = sorted(str(path.relative_to(REPO)) for path in REPO.glob("playbooks/*.yml"))
    session.run("env", "ansible-playbook", "--syntax-check", "-i", "inventories/demo", *playbooks, external=True)
    for inventory in ("demo", "single", "ha"):
        session.run("env", "ansible-playbook", "-i", f"inventories/{inventory}", "playbooks/plan.yml", external=True)
    pytest(session, "core-2.21", "-n", "2", folder="integration/playbooks")


@nox.session
def roles(session: nox.Session) -> None:
    """Single roles through their whole life on hosts of their own: interrupted, broken, repaired. Part of --full."""
    pytest(session, "roles")


@nox.session
def molecule(session: nox.Session) -> None:
    """A whole cluster of test hosts: check, converge, converge again, fail parts of it, ask it."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    scenario = session.posargs[0] if session.posargs else "default"
    session.run("molecule", "test", "--scenario-name", scenario, env={"SCALEOUT_OUTPUT": str(OUTPUT), **os.environ})
