from __future__ import annotations

import os


def _run(project, body, *arguments):
    project.pytester.makepyfile(test_project="import os\nimport pytest\n" + body)
    return project.run(*arguments)


def test_a_tenant_is_loaded_for_one_test(project):
    before = dict(os.environ)
    body = """
def test_loaded(tenant_environment):
    reader = tenant_environment("acme")
    assert reader.list_secrets() == ["API_TOKEN", "DB_PASSWORD", "LOG_LEVEL"]
    assert os.environ["DB_PASSWORD"] == reader.get_secret("DB_PASSWORD")
    assert repr(reader) == "LoadedTenant(acme/development)"

def test_gone():
    assert "DB_PASSWORD" not in os.environ
"""
    assert project.counts(_run(project, body)) == {"passed": 2}
    assert {**os.environ, "PYTEST_CURRENT_TEST": ""} == {**before, "PYTEST_CURRENT_TEST": ""}


def test_a_block_gives_the_environment_back_and_takes_another_tenant(project):
    body = """
def test_blocks(tenant_environment):
    with tenant_environment("acme"):
        first = os.environ["DB_PASSWORD"]
    assert "DB_PASSWORD" not in os.environ
    with tenant_environment("bravo"):
        assert os.environ["DB_PASSWORD"] != first
"""
    assert project.counts(_run(project, body)) == {"passed": 1}


def test_two_tenants_do_not_mix(project):
    body = """
from sealproof.errors import AnotherTenantLoaded

def test_mixed(tenant_environment):
    tenant_environment("acme")
    with pytest.raises(AnotherTenantLoaded):
        tenant_environment("bravo")
    assert tenant_environment.__repr__() == "TenantEnvironment()"
"""
    assert project.counts(_run(project, body)) == {"passed": 1}


def test_what_the_test_changed_meanwhile_is_restored_too(project, monkeypatch):
    monkeypatch.setenv("KEPT", "before")
    monkeypatch.delenv("ADDED", raising=False)
    body = """
def test_changes(tenant_environment, monkeypatch):
    monkeypatch.setenv("PATCHED", "1")
    tenant_environment("acme")
    os.environ["KEPT"] = "changed"
    os.environ["ADDED"] = "1"
    del os.environ["DB_PASSWORD"]
    assert 0

def test_after():
    assert os.environ["KEPT"] == "before"
    assert not {"ADDED", "PATCHED", "DB_PASSWORD"} & os.environ.keys()
"""
    assert project.counts(_run(project, body)) == {"passed": 1, "failed": 1}


def test_the_store_is_the_gate_s_wherever_the_test_stands(project):
    project.root.rename(project.path / "elsewhere")
    body = """
def test_elsewhere(tenant_environment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tenant_environment("acme").list_secrets()
"""
    assert project.counts(_run(project, body, "--secrets-root", "elsewhere")) == {"passed": 1}


def test_another_store_can_be_named(project):
    body = """
def test_scratch(tenant_environment, sealed_store):
    tenant = sealed_store.tenants[0]
    reader = tenant_environment(tenant, root=sealed_store.root)
    assert os.environ["API_TOKEN"] == sealed_store.canaries[tenant]["API_TOKEN"]
    reader.close()
    reader.close()
    assert "API_TOKEN" not in os.environ
"""
    assert project.counts(_run(project, body)) == {"passed": 1}


def test_a_tenant_that_does_not_open_changes_nothing(project):
    project.drop_key("acme")
    body = """
from sealproof.errors import KeyMissing

def test_refused(tenant_environment):
    before = dict(os.environ)
    with pytest.raises(KeyMissing):
        tenant_environment("acme")
    assert dict(os.environ) == before
"""
    assert project.counts(_run(project, body)) == {"passed": 1}
