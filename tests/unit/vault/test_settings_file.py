"""A store's `sealproof.toml`, together with the environment."""

from __future__ import annotations

import pytest

from sealproof.errors import ConfigurationError, LimitExceeded, StoreNotFound, UnsafeFile
from sealproof.settings import Settings
from sealproof.vault.settings_file import settings_of


def test_the_environment_wins_over_the_file(root, monkeypatch):
    (root / "sealproof.toml").write_text("rotation_interval_days = 30\nmax_access_attempts = 3\n")
    monkeypatch.setenv("ROTATION_INTERVAL_DAYS", "60")
    settings = settings_of(str(root))
    assert (settings.rotation_interval_days, settings.max_access_attempts) == (60, 3)


def test_without_a_file_the_defaults_hold(root):
    (root / "sealproof.toml").unlink()
    assert settings_of(str(root)) == Settings()


def test_what_is_no_settings_file_is_named(root, tmp_path):
    path = root / "sealproof.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="not UTF-8 text"):
        settings_of(str(root))
    path.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(LimitExceeded):
        settings_of(str(root))
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeFile):
        settings_of(str(root))
    with pytest.raises(StoreNotFound):
        settings_of(str(tmp_path / "nowhere"))
