"""`DevelopmentSecretLoader`: a tenant for the length of one block, and the environment given back exactly."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from sealproof.errors import (
    AnotherTenantLoaded,
    CallerError,
    CannotOpen,
    DangerousName,
    InvalidName,
    KeyMissing,
    StoreNotFound,
    UnknownSecret,
    UnknownTenant,
)
from sealproof.loader.context import AsyncReader, DevelopmentSecretLoader, PlainReader, SecureContext
from sealproof.loader.environment import load_environment_secrets


@pytest.fixture
def loader(host) -> DevelopmentSecretLoader:
    return DevelopmentSecretLoader("acme", root=host)


def buffers_of(context: SecureContext) -> dict[str, bytearray]:
    """Return the very buffers that an open context holds, to look at after it has closed."""
    assert context._buffers is not None
    return dict(context._buffers._held())


def test_plain_block_reads_and_sets_the_environment(loader, values):
    before = dict(os.environ)
    with loader.secure_context() as reader:
        assert isinstance(reader, PlainReader)
        assert reader.list_secrets() == sorted(values)
        assert {name: reader.get_secret(name) for name in values} == values
        assert {name: os.environ[name] for name in values} == values
    assert dict(os.environ) == before


def test_async_block_reads_and_sets_the_environment(loader, values):
    async def use() -> None:
        async with loader.secure_context() as reader:
            assert isinstance(reader, AsyncReader)
            assert await reader.list_secrets() == sorted(values)
            assert await reader.get_secret("DB_PASSWORD") == values["DB_PASSWORD"]
            assert os.environ["DB_PASSWORD"] == values["DB_PASSWORD"]

    before = dict(os.environ)
    asyncio.run(use())
    assert dict(os.environ) == before


def test_environment_is_left_alone_on_request(loader, values):
    before = dict(os.environ)
    with loader.secure_context(environ=False) as reader:
        assert reader.get_secret("DB_PASSWORD") == values["DB_PASSWORD"]
        assert dict(os.environ) == before


def test_what_was_set_before_comes_back_and_what_the_block_set_goes(loader, monkeypatch, values):
    monkeypatch.setenv("DB_PASSWORD", "mine")
    monkeypatch.setenv("UNTOUCHED", "as it was")
    monkeypatch.setenv("DELETED", "for a while")
    before = dict(os.environ)
    with loader.secure_context():
        assert os.environ["DB_PASSWORD"] == values["DB_PASSWORD"]
        os.environ["NEW_IN_BLOCK"] = "1"
        os.environ["UNTOUCHED"] = "changed"
        del os.environ["DELETED"]
    assert dict(os.environ) == before


def test_restored_after_an_exception_in_the_block(loader):
    before = dict(os.environ)
    with pytest.raises(ZeroDivisionError), loader.secure_context():
        _ = 1 / 0
    assert dict(os.environ) == before


def test_restored_after_a_cancelled_task(loader):
    before = dict(os.environ)

    async def start() -> None:
        inside = asyncio.Event()

        async def use() -> None:
            async with loader.secure_context():
                inside.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(use())
        await inside.wait()
        assert "DB_PASSWORD" in os.environ
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(start())
    assert dict(os.environ) == before


def test_buffers_are_wiped_on_leaving(loader):
    context = loader.secure_context(environ=False)
    with context:
        held = buffers_of(context)
        assert bytes(held["DB_PASSWORD"]) == b"fjord-anvil-9037-mosaic"
    assert all(not any(buffer) for buffer in held.values())
    assert len(held["DB_PASSWORD"]) == len(b"fjord-anvil-9037-mosaic")


def test_buffers_of_a_rotation_under_way_are_wiped_at_once(custodian, store, monkeypatch):
    changes = {"DB_PASSWORD.pending": b"next-value", "DB_PASSWORD.previous": b"last-value"}
    custodian.edit(custodian.open("acme", "development"), changes=changes, removals=())
    made: dict[str, bytearray] = {}

    from sealproof.envelope.open import Unlocked  # noqa: PLC0415 - only here

    original = Unlocked.buffers

    def kept(self: Unlocked) -> dict[str, bytearray]:
        made.update(original(self))
        return dict(made)

    monkeypatch.setattr(Unlocked, "buffers", kept)
    with DevelopmentSecretLoader("acme", root=store).secure_context(environ=False) as reader:
        assert not [name for name in reader.list_secrets() if "." in name]
        with pytest.raises(UnknownSecret):
            reader.get_secret("DB_PASSWORD.pending")
        assert not any(made["DB_PASSWORD.pending"])
        assert not any(made["DB_PASSWORD.previous"])
        assert any(made["DB_PASSWORD"])
    assert not any(any(buffer) for buffer in made.values())


def test_buffers_are_wiped_when_a_dangerous_name_is_refused(custodian, store, monkeypatch):
    custodian.seal("risky", "development", {"LD_PRELOAD": b"/tmp/x.so", "OTHER": b"secret"}, allow=["LD_PRELOAD"])
    made: dict[str, bytearray] = {}

    from sealproof.envelope.open import Unlocked  # noqa: PLC0415 - only here

    original = Unlocked.buffers
    monkeypatch.setattr(Unlocked, "buffers", lambda self: made.update(original(self)) or dict(made))
    risky = DevelopmentSecretLoader("risky", root=store)
    with pytest.raises(DangerousName), risky.secure_context():
        pass
    assert made
    assert not any(any(buffer) for buffer in made.values())
    with risky.secure_context(allow=["LD_PRELOAD"]) as reader:
        assert reader.get_secret("OTHER") == "secret"


def test_reading_after_the_block_is_an_error(loader):
    with loader.secure_context(environ=False) as reader:
        pass
    with pytest.raises(CallerError, match="closed"):
        reader.get_secret("DB_PASSWORD")
    with pytest.raises(CallerError, match="closed"):
        reader.list_secrets()


def test_an_unknown_secret_is_named_with_a_hint(loader):
    with loader.secure_context(environ=False) as reader, pytest.raises(UnknownSecret) as refused:
        reader.get_secret("NOPE")
    assert refused.value.names == ("NOPE",)
    assert refused.value.hint == "sealproof list acme --environment development"


def test_async_reader_raises_the_same(loader):
    async def use() -> None:
        async with loader.secure_context(environ=False) as reader:
            with pytest.raises(UnknownSecret):
                await reader.get_secret("NOPE")
        with pytest.raises(CallerError):
            await reader.list_secrets()

    asyncio.run(use())


def test_a_second_context_over_the_environment_is_refused_while_the_first_is_open(loader, store, monkeypatch):
    monkeypatch.delenv("SEALPROOF_KEY_FILE")
    first = DevelopmentSecretLoader("acme", root=store)
    second = DevelopmentSecretLoader("globex", root=store)
    with first.secure_context():
        before = dict(os.environ)
        with pytest.raises(AnotherTenantLoaded, match="lent to acme/development"), second.secure_context():
            pass
        assert dict(os.environ) == before
        with second.secure_context(environ=False) as reader:
            assert reader.get_secret("ONLY_GLOBEX") == "1"
    with second.secure_context():
        assert os.environ["ONLY_GLOBEX"] == "1"
    assert "ONLY_GLOBEX" not in os.environ


def test_nested_contexts_of_one_tenant_lend_the_environment_once(loader):
    with loader.secure_context(), pytest.raises(AnotherTenantLoaded), loader.secure_context():
        pass
    assert "DB_PASSWORD" not in os.environ


def test_a_context_after_a_load_gives_the_load_back(host, loader, monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "mine")
    load_environment_secrets("acme", root=host)
    before = dict(os.environ)
    with loader.secure_context():
        assert os.environ["DB_PASSWORD"] == "fjord-anvil-9037-mosaic"
    assert dict(os.environ) == before
    assert load_environment_secrets("acme", root=host).names == ()


def test_a_context_of_another_tenant_after_a_load_is_refused(store):
    load_environment_secrets("acme", root=store)
    before = dict(os.environ)
    globex = DevelopmentSecretLoader("globex", root=store)
    with pytest.raises(AnotherTenantLoaded), globex.secure_context():
        pass
    assert dict(os.environ) == before
    with globex.secure_context(environ=False) as reader:
        assert reader.get_secret("ONLY_GLOBEX") == "1"


def test_leaving_a_context_frees_the_process_for_another_tenant(store):
    with DevelopmentSecretLoader("acme", root=store).secure_context():
        pass
    assert load_environment_secrets("globex", root=store).tenant == "globex"


def test_one_context_object_is_not_entered_twice_at_once(loader):
    context = loader.secure_context(environ=False)
    with context, pytest.raises(CallerError, match="open already"):
        context.__enter__()
    with context as reader:  # once closed it may be used again
        assert reader.get_secret("DB_PASSWORD")


def test_leaving_a_context_that_was_never_entered_does_nothing(loader):
    before = dict(os.environ)
    loader.secure_context().__exit__(None, None, None)
    assert dict(os.environ) == before


def test_eight_threads_read_two_tenants_side_by_side(store):
    wrong: list[object] = []
    barrier = threading.Barrier(8)

    def read(tenant: str, expected: str) -> None:
        try:
            barrier.wait(30)
            for _ in range(3):
                with DevelopmentSecretLoader(tenant, root=store).secure_context(environ=False) as reader:
                    if reader.get_secret("DB_PASSWORD") != expected:
                        wrong.append(tenant)
        except Exception as exc:  # noqa: BLE001 - a thread's own error must reach the test
            wrong.append(exc)

    before = dict(os.environ)
    threads = [
        threading.Thread(target=read, args=case)
        for case in (("acme", "fjord-anvil-9037-mosaic"), ("globex", "globex-lantern-5512-quartz")) * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert dict(os.environ) == before


def test_async_tasks_read_two_tenants_side_by_side(store):
    async def read(tenant: str) -> str:
        async with DevelopmentSecretLoader(tenant, root=store).secure_context(environ=False) as reader:
            await asyncio.sleep(0)
            return await reader.get_secret("DB_PASSWORD")

    async def start() -> list[str]:
        return await asyncio.gather(*(read(tenant) for tenant in ("acme", "globex") * 4))

    expected = ["fjord-anvil-9037-mosaic", "globex-lantern-5512-quartz"] * 4
    assert asyncio.run(start()) == expected


def test_a_context_that_cannot_open_changes_nothing(host, loader):
    (host / "tenants" / "acme" / ".env.enc").write_bytes((host / "tenants" / "globex" / ".env.enc").read_bytes())
    before = dict(os.environ)
    with pytest.raises(CannotOpen), loader.secure_context():
        pass
    assert dict(os.environ) == before


def test_an_example_is_not_asked_of_a_development_loader(host, loader):
    (host / "tenants" / "acme" / ".env.example").write_text("NOT_THERE=\n")
    with loader.secure_context(environ=False) as reader:
        assert "NOT_THERE" not in reader.list_secrets()


def test_wrong_calls_are_typed(host, tmp_path, monkeypatch):
    with pytest.raises(InvalidName):
        DevelopmentSecretLoader("../acme", root=host)
    with pytest.raises(CallerError):
        DevelopmentSecretLoader(root=host)
    with pytest.raises(UnknownTenant), DevelopmentSecretLoader("nobody", root=host).secure_context():
        pass
    with pytest.raises(StoreNotFound), DevelopmentSecretLoader("acme", root=tmp_path / "no").secure_context():
        pass
    monkeypatch.delenv("SEALPROOF_KEY_FILE")
    with pytest.raises(KeyMissing), DevelopmentSecretLoader("acme", root=host).secure_context():
        pass


def test_a_key_by_variable_is_gone_inside_and_after_the_block(host, host_key, monkeypatch):
    monkeypatch.delenv("SEALPROOF_KEY_FILE")
    host_key("acme/development")
    with DevelopmentSecretLoader("acme", root=host).secure_context():
        assert "SEALPROOF_KEY" not in os.environ
    assert "SEALPROOF_KEY" not in os.environ


def test_no_view_shows_a_value(loader, values):
    context = loader.secure_context()
    with context as reader:
        for view in (repr(loader), repr(context), repr(reader), repr(context._buffers), str(vars(type(reader)))):
            assert not any(value in view for value in values.values() if value)
    assert repr(loader) == "DevelopmentSecretLoader(acme/development)"
    assert repr(context) == "SecureContext(acme/development)"
    assert repr(reader) == "AsyncReader(acme/development)" or repr(reader) == "PlainReader(acme/development)"
    assert repr(reader._buffers) == "Buffers(wiped)"


def test_buffers_do_not_travel(loader):
    import copy  # noqa: PLC0415 - only here
    import pickle  # noqa: PLC0415 - only here

    with loader.secure_context(environ=False) as reader:
        for attempt in (lambda: pickle.dumps(reader._buffers), lambda: copy.deepcopy(reader)):
            with pytest.raises(TypeError) as refused:
                attempt()
            assert "fjord" not in str(refused.value)
