from __future__ import annotations

import pytest

from sealproof.checks.scratch import leaks

HEAD = """
import base64, logging, os, pathlib, subprocess, sys, warnings
import pytest

@pytest.fixture
def value(sealed_store):
    value = sealed_store.canaries[sealed_store.tenants[0]]["DB_PASSWORD"]
    pathlib.Path("canary").write_text(value)
    return value
"""

LEAKS = {
    "stdout": ("print(value)", "captured stdout: scratch-a/DB_PASSWORD, raw"),
    "stderr": ("print(value, file=sys.stderr)", "captured stderr: scratch-a/DB_PASSWORD, raw"),
    "descriptor": ("os.write(1, value.encode())", "captured stdout: *, raw"),
    "child": ("subprocess.run(['echo', value], check=True)", "captured stdout: *, raw"),
    "base64": ("print(base64.b64encode(b'x' + value.encode()).decode())", "captured stdout: *, base64+1"),
    "hex": ("print(value.encode().hex())", "captured stdout: *, hex"),
    "reversed": ("print(value[::-1])", "captured stdout: *, reversed"),
    "log": ("logging.getLogger('app').debug(value)", "log records: *, raw"),
    "log_arguments": ("logging.getLogger('app').info('%.3s', value)", "log records: *, raw"),
    "log_extra": ("logging.getLogger('app').info('hello', extra={'token': value})", "log records: *, raw"),
    "warning": ("warnings.warn(value)", "warnings: *, raw"),
    "file": ("(tmp_path / 'a').mkdir(); (tmp_path / 'a' / 'dump').write_text(value)", "file */a/dump: *, raw"),
    "file_name": ("(tmp_path / value).touch()", "names in *: *, raw"),
    "link": ("(tmp_path / 'link').symlink_to(value)", "link */link: *, raw"),
}


def _run(project, body, *arguments, fixtures="value, assert_no_secret_leak, tmp_path"):
    project.pytester.makepyfile(test_project=f"{HEAD}\ndef test_leak({fixtures}):\n    {body}\n")
    return project.run("-W", "default::UserWarning", *arguments)


@pytest.mark.parametrize("way", LEAKS)
def test_a_leak_is_found_and_its_place_is_named(project, way):
    body, said = LEAKS[way]
    result = _run(project, f"{body}\n    assert_no_secret_leak()", "--junitxml", "junit.xml", "-o", "junit_logging=all")
    assert project.counts(result) == {"failed": 1, **({"warnings": 1} if way == "warning" else {})}
    result.stdout.fnmatch_lines(["a secret leaked", f"  {said}"])
    shown = result.stdout.str() + (project.path / "junit.xml").read_text()
    assert "raw of canary 1" not in leaks(shown, [(project.path / "canary").read_text()])


def test_a_clean_test_passes(project):
    body = "print('hello'); logging.info('hello'); (tmp_path / 'x').write_text('hello')\n    assert_no_secret_leak()"
    assert project.counts(_run(project, body)) == {"passed": 1}


def test_a_test_that_never_calls_it_is_looked_at_when_it_ends(project):
    result = _run(project, "print(value)")
    assert project.counts(result) == {"passed": 1, "errors": 1}
    result.stdout.fnmatch_lines(["a secret leaked"])
    assert project.counts(_run(project, "print('hello')")) == {"passed": 1}


@pytest.mark.parametrize("capture", ["capsys", "capfd", "capsysbinary", "capfdbinary"])
def test_it_shares_the_test_s_own_capture(project, capture):
    fixtures = f"value, assert_no_secret_leak, {capture}"
    quiet = f"print('hello'); assert_no_secret_leak(); assert len({capture}.readouterr().out) == 6"
    assert project.counts(_run(project, quiet, fixtures=fixtures)) == {"passed": 1}
    read_before = f"print(value); {capture}.readouterr(); assert_no_secret_leak()"
    assert project.counts(_run(project, read_before, fixtures=fixtures)) == {"failed": 1}


def test_output_that_was_looked_at_still_shows_in_a_failure(project):
    result = _run(project, "print('a clue'); assert_no_secret_leak(); assert 0")
    result.stdout.fnmatch_lines(["*Captured stdout call*", "a clue"])


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("'text ' + value", "text 1: *, raw"),
        ("'clean', value.encode()", "text 2: *, raw"),
        ("pathlib.Path('elsewhere')", "file elsewhere/dump: *, raw"),
        ("pathlib.Path('elsewhere/dump')", "file elsewhere/dump: *, raw"),
    ],
)
def test_it_looks_where_it_is_told_besides(project, extra, said):
    body = "os.mkdir('elsewhere'); pathlib.Path('elsewhere/dump').write_text(value)\n    assert_no_secret_leak("
    result = _run(project, f"{body}{extra})")
    assert project.counts(result) == {"failed": 1}
    result.stdout.fnmatch_lines([f"  {said}"])


def test_it_looks_for_values_of_the_test_s_own(project):
    body = "print('sesame-open-sesame'); assert_no_secret_leak(canaries=['sesame-open-sesame'])"
    result = _run(project, body, fixtures="assert_no_secret_leak")
    result.stdout.fnmatch_lines(["  captured stdout: canary 1, raw"])


def test_with_nothing_to_look_for_it_fails(project):
    result = _run(project, "assert_no_secret_leak()", fixtures="assert_no_secret_leak")
    assert project.counts(result) == {"failed": 1}
    result.stdout.fnmatch_lines(["nothing to look for: *"])


def test_it_looks_for_the_secrets_of_a_loaded_tenant_but_not_for_configuration(project):
    body = 'reader = tenant_environment("acme")\n    print(reader.get_secret("{}"))\n    assert_no_secret_leak()'
    fixtures = "tenant_environment, assert_no_secret_leak"
    result = _run(project, body.format("API_TOKEN"), fixtures=fixtures)
    result.stdout.fnmatch_lines(["  captured stdout: acme/development/API_TOKEN, raw"])
    assert project.value("acme", "API_TOKEN") not in result.stdout.str()
    assert project.counts(_run(project, body.format("LOG_LEVEL"), fixtures=fixtures)) == {"passed": 1}


def test_logging_is_left_as_it_was(project):
    project.pytester.makepyfile(
        test_project=f"""{HEAD}
LEVEL = logging.getLogger().level
HANDLERS = len(logging.getLogger().handlers)

def test_leak(value, assert_no_secret_leak): assert_no_secret_leak()

def test_after(): assert logging.getLogger().level == LEVEL
"""
    )
    assert project.counts(project.run()) == {"passed": 2}
