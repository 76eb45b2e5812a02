"""The checks of this project. `./test` installs what they need and runs them; `nox -s unit` runs one alone."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import nox

REPO = Path(__file__).parent
OUTPUT = REPO / "tests" / "output"

# One environment for all, made by tools/bootstrap.sh from requirements/test.txt: ansible alone is half a gigabyte.
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "docs", "sanity", "unit", "integration", "molecule"]


def pytest(session: nox.Session, name: str, *args: str) -> None:
    """Run pytest on tests/NAME, its result kept in tests/output/NAME.xml."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    session.run("pytest", f"tests/{name}", f"--junitxml={OUTPUT / name}.xml", *args, *session.posargs)


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
    pytest(session, "integration", "-n", "2")


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
