from __future__ import annotations

import pytest

from sealproof.checks.scratch import leaks
from sealproof.pytest_plugin.watched import MASK, masked

WAYS = {
    "compares": "assert value == 'expected'",
    "compares_with_a_longer_one": "assert value == value + 'x'",
    "compares_with_a_like_one": "assert 'a' + value + 'b' == 'a' + value + 'c'",
    "compares_lists": "assert [value, value[::2]] == ['expected', 1]",
    "compares_mappings": "assert {'a': value} == {'a': 'expected'}",
    "raises": "raise ValueError(value)",
    "chains": "try: helper(value)\n    except AssertionError as exc: raise KeyError(value) from exc",
    "prints": "print(value); assert 0",
    "prints_to_stderr": "import sys; print(value, file=sys.stderr); assert 0",
    "logs": "import logging; logging.getLogger('app').error('using %s', value); assert 0",
    "warns": "import warnings; warnings.warn(value); assert 0",
    "skips": "pytest.skip(value)",
    "fails": "pytest.fail(value)",
    "records": "record_property('value', value); assert 0",
    "passes_it_on": "helper(value)",
    "is_in_a_local": "kept = [value]; assert 0",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_failing_test_shows_no_secret_that_it_was_lent(project, way):
    assert _masks(project, WAYS[way]).ret == (0 if way == "skips" else 1)


def test_secrets_are_masked_before_a_report_leaves_its_worker(project):
    assert _masks(project, WAYS["compares"], "-n", "1", apart=True).ret == 1


def _masks(project, body, *arguments, apart=False):
    project.pytester.makepyfile(
        test_project=f"""
import pathlib
import pytest

def helper(value):
    assert value == 1

def test_way(sealed_store, record_property):
    value = sealed_store.canaries[sealed_store.tenants[0]]["DB_PASSWORD"]
    pathlib.Path("canary").write_text(value)
    {body}
"""
    )
    options = ["--showlocals", "--tb=long", "-rA", "-W", "default", "--junitxml", "junit.xml"]
    options += ["-o", "junit_logging=all", "-o", "junit_family=xunit1", *arguments]
    result = project.run(*options, apart=apart)
    shown = result.stdout.str() + result.stderr.str() + (project.path / "junit.xml").read_text()
    canary = (project.path / "canary").read_text()
    assert leaks(shown, [canary]) == []
    assert [part for part in _fragments(canary.removeprefix("canary-")) if part in shown] == []
    assert MASK in shown
    return result


def _fragments(value):
    return [value[start : start + 6] for start in range(len(value) - 5)]


def test_a_failing_test_shows_no_secret_of_a_real_tenant(project):
    project.pytester.makepyfile(
        """
        import os
        def test_loaded(tenant_environment):
            tenant_environment("acme")
            assert os.environ["DB_PASSWORD"] == "expected"
        """
    )
    result = project.run("--showlocals")
    assert project.counts(result)["failed"] == 1
    assert project.value("acme", "DB_PASSWORD") not in result.stdout.str()
    result.stdout.fnmatch_lines(["AssertionError: assert '<secret>' == 'expected'*", "FAILED *"])


def test_a_secret_as_parameter_is_in_no_id_and_no_text(project):
    project.pytester.makepyfile(
        """
        import pytest
        from sealproof.loader.secret import Secret
        @pytest.mark.parametrize("secret", [Secret("-".join(["sesame", "open", "sesame"]))])
        def test_parameter(secret):
            assert secret == 1
        """
    )
    result = project.run("--showlocals", "--tb=long", "-v", "--junitxml", "junit.xml")
    shown = result.stdout.str() + (project.path / "junit.xml").read_text()
    assert "sesame-open" not in shown
    result.stdout.fnmatch_lines(["*::test_parameter?secret0? FAILED*"])


def test_other_tests_keep_their_reports(project):
    project.pytester.makepyfile(
        """
        def test_lent(sealed_store): pass
        def test_other():
            value = "canary-0123456789abcdef"
            assert value == "expected"
        """
    )
    result = project.run()
    result.stdout.fnmatch_lines(["E       AssertionError: assert 'canary-0123456789abcdef' == 'expected'"])


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("a sesame-open b", "sesame-open", f"a {MASK} b"),
        ("nothing here", "sesame-open", "nothing here"),
        (r"E  'two\nlines-long'", "two\nlines-long", f"E  '{MASK}'"),
        ("first-line\nsecond-line\nrest", "first-line\nsecond-line", f"{MASK}\nrest"),
        ("-   second-line\nrest", "first-line\nsecond-line", f"[a line with a part of a {MASK}]\nrest"),
        (f"E  '{'ab' * 6}...{'yz' * 6}' == 1", "ab" * 100 + "yz" * 100, f"E  '{MASK}' == 1"),
        ("E  ['one-long-va...', 1]", "one-long-value-0123456789", f"E  ['{MASK}...', 1]"),
        ("+ 0123456789x", "one-long-value-0123456789", f"[a line with a part of a {MASK}]"),
        ("a... b ...c", "one-long-value-0123456789", "a... b ...c"),
    ],
)
def test_values_are_masked_whole_in_parts_and_escaped(text, value, expected):
    assert masked(text, [value]) == expected
