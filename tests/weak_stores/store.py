"""A small sealed store that is in order, with a switch for every flaw of `flaws.py`: what proves that attacks can fail.

JSON lines: a header, a record for each secret, a trailer with an HMAC over every line before it. A record
is AES-256-GCM, bound to tenant, name, version. It is written to be read beside the attacks, not to be used.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import hmac
import json
import logging
import os
import pickle
import random
import re
import stat
import tarfile
import threading
import time
import unicodedata
import zipfile
from contextlib import contextmanager

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealproof.checks.attacks.interface import Field, OwnedFile, Record
from sealproof.checks.scan.build_files import build_secrets
from sealproof.loader.names import is_dangerous

log = logging.getLogger("weak_store")
LIMIT = 1 << 20  # bytes of a file
FLOOR, CEILING = 100_000, 10_000_000
SALT, STEP = 16, 32
TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
FORMAT = "weak/1"
REFUSED = "the file does not open"


class Refused(Exception):
    """The documented refusal of everything."""


class WeakStore:
    """In order unless `options` names a switch."""

    name = "the weak store, no switch on"
    refusals = (Refused,)

    def __init__(self, directory, options=""):
        self.directory = directory
        self.flaw = options
        self.leftovers = {}
        self.ahead = 0
        self.counter = 0

    def has(self, *flaws):
        return self.flaw in flaws

    # The adapter.

    def make(self, tenants):
        self._mkdir(self._path("keys"))
        self._mkdir(self._path("data"))
        for tenant, values in tenants.items():
            self._check(tenant)
            self._new_key(tenant)
            for name, value in values.items():
                self.put(tenant, name, value)

    def put(self, tenant, name, value):
        tenant = self._check(tenant)
        if not self.has("any_name", "paths_unchecked") and (not NAME.fullmatch(name) or is_dangerous(name)):
            raise Refused("no name")
        if "\0" in value and not self.has("any_name"):
            raise Refused("NUL")
        if self.has("strips_values"):
            value = value.strip()
        if self.has("logs_values"):
            log.debug("writing %s", value)
        with self._locked():
            if not os.path.lexists(self._key(tenant)):
                self._new_key(tenant)
            old = self._parsed(tenant) if os.path.lexists(self._data(tenant)) else None
            values = self._opened(tenant, old) if old else {}
            versions = {entry["name"]: entry["version"] for entry in old["records"]} if old else {}
            if self.has("takes_no_lock"):
                time.sleep(0.001)
            keep = (
                {entry["name"]: line for entry, line in zip(old["records"], old["lines"], strict=True)} if old else {}
            )
            keep[name] = self._sealed(tenant, name, value, int(versions.get(name, 0)) + 1)
            if self.has("leaves_backups"):
                self._mkdir(os.path.dirname(self._data(tenant)))
                with open(self._data(tenant) + ".bak", "w", encoding="utf-8") as plain:
                    plain.write("".join(f"{each}={text}\n" for each, text in {**values, name: value}.items()))
            generation = int(old["header"]["generation"]) + 1 if old else 1
            expires = int(old["header"]["expires"]) if old else 0
            self._save(tenant, [keep[each] for each in sorted(keep)], generation, expires)

    def get(self, tenant, name):
        if not self.has("paths_unchecked") and not NAME.fullmatch(name):
            raise Refused("no name")
        try:
            return self.load(tenant)[name]
        except KeyError:
            raise Refused(f"{tenant} has no such secret") from None

    def load(self, tenant):
        tenant = self._check(tenant)
        parsed = self._parsed(tenant)
        self._opened(tenant, parsed)  # proved before its times are believed; its values are in no frame of a refusal
        if parsed["header"]:
            self._fresh(tenant, parsed["header"])
        values = self._opened(tenant, parsed)
        if parsed["header"]:
            self._mark(tenant, parsed["header"])
        if self.has("logs_values"):
            log.debug("loaded %s", values)
        if self.has("expands"):
            values = {name: os.path.expandvars(value) for name, value in values.items()}
        if self.has("keeps_leftovers"):
            self.leftovers.update(values)
            return dict(self.leftovers)
        if self.has("exports_its_key"):
            os.environ["STORE_KEY"] = _encode(self._keys(tenant)[0])
        return values

    def rotate(self, tenant):
        tenant = self._check(tenant)
        with self._locked():
            parsed = self._parsed(tenant)
            values = self._opened(tenant, parsed)
            old = self._keys(tenant)
            fresh = os.urandom(32)
            header = parsed["header"]
            # Both keys while the file changes, so that a crash leaves one that opens.
            self._write_key(tenant, [fresh, *old])
            versions = {entry["name"]: int(entry["version"]) for entry in parsed["records"]}
            lines = [self._sealed(tenant, name, values[name], versions[name]) for name in sorted(values)]
            self._save(tenant, lines, int(header["generation"]) + 1, int(header["expires"]))
            if not self.has("keeps_retired"):
                self._write_key(tenant, [fresh])

    def reopen(self):
        self.leftovers.clear()
        if self.has("counted_nonces"):
            self.counter = 0

    def files(self):
        found = []
        for name in sorted(os.listdir(self._path("data"))):
            if not name.startswith(".") and not name.endswith(".bak"):
                found.append(OwnedFile(self._path("data", name, "secrets"), "data", name))
                found.append(OwnedFile(self._key(name), "key", name))
        return [file for file in found if os.path.lexists(file.path)]

    # Containers.

    def records(self, data):
        lines = [line for line in data.decode().splitlines() if '"t":"record"' in line]
        return [Record(_text(line, "name"), line, _decode(_text(line, "sealed"))) for line in lines]

    def with_records(self, data, records):
        lines = [line for line in data.decode().splitlines() if '"t":"record"' not in line]
        return _lines([lines[0], *(record.text for record in records), *lines[1:]])

    def fields(self, data):
        return [
            Field(f"{where}.{name}", text.strip('"'))
            for where, line in _placed(data)
            for name, text in re.findall(r'"(\w+)":("[^"]*"|[^,}]*)', line)
            if name != "t"
        ]

    def with_field(self, data, name, text):
        *place, field = name.split(".")
        lines = [
            re.sub(rf'"{field}":("?)[^",}}]*', lambda found: f'"{field}":{found[1]}{text}', line, count=1)
            if where == ".".join(place)
            else line
            for where, line in _placed(data)
        ]
        return _lines(lines)

    # Optional parts.

    @contextmanager
    def applied(self, tenant):
        before = dict(os.environ)
        values = self.load(tenant)
        refused = [name for name in values if is_dangerous(name) or not NAME.fullmatch(name)]
        if refused and not self.has("any_name"):
            raise Refused("dangerous")
        os.environ.update(
            {name: value for name, value in values.items() if name and "=" not in name and "\0" not in name}
        )
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def anchor(self):
        os.mkdir(self._path("marks"), 0o700)

    def notice(self, tenant):
        self.load(tenant)
        anchored = os.path.isdir(self._path("marks"))
        return "fine" if self.has("silent_rollback") else "protected" if anchored else "rollback: not protected"

    def expire(self, tenant, seconds):
        with self._locked():
            parsed = self._parsed(tenant)
            self._save(tenant, parsed["lines"], int(parsed["header"]["generation"]) + 1, int(time.time()) + seconds)

    def move_clock(self, seconds):
        self.ahead = seconds

    def derive(self, tenant, purpose):
        if self.has("joined_derivation"):
            return hashlib.sha256((tenant + purpose).encode()).digest()
        return hashlib.sha256(_framed(tenant, purpose)).digest()

    def seals(self):
        for file in self.files():
            if file.kind == "data":
                yield from self._seals(file.tenant, _raw(file.path))

    def seal(self, count):
        tenant = min(os.listdir(self._path("data")))
        for number in range(count):
            line = self._sealed(tenant, f"N{number}", str(number), 1)
            sealed = _decode(_text(line, "sealed"))
            yield self._keys(tenant)[0], sealed[:12], sealed

    def stretched(self, *, cost, salt):
        low = cost < FLOOR or len(salt) < SALT
        if (low and not self.has("any_cost")) or (cost > CEILING and not self.has("no_ceiling")):
            raise Refused("cost")
        hashlib.pbkdf2_hmac("sha256", b"x", salt or b"0", min(cost, 1000) or 1)

    def write_stretched(self, *, cost):
        if cost < FLOOR and not self.has("any_cost"):
            raise Refused("cost")

    def floor(self):
        return FLOOR

    def new_salt(self):
        return os.urandom(SALT)

    def make_from(self, master):
        weak = len(master) < 16 or len(set(master)) < 12 or "master" in master
        if weak and not self.has("any_master"):
            raise Refused("weak")

    def primitives(self):
        return {
            "aes-256-gcm-open": _open_without_tag if self.has("ignores_tags") else _open_with_tag,
            "hmac-sha256": _mac,
            "hmac-sha256-verify": lambda key, message, tag: hmac.compare_digest(_mac(key, message), tag),
            "ed25519-verify": self._verify,
        }

    def _verify(self, public, signature, message):
        kept = signature[:64] if self.has("lenient_signatures") else signature
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(kept, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def views(self, tenant):
        yield View(self.load(tenant), shows=self.has("plain_views"))

    def provoke(self, tenant):
        def required():
            names = sorted(self.load(tenant))
            if self.has("quotes_values"):
                raise Refused(f"{self.load(tenant)} lacks MISSING")
            raise Refused(f"{names} lack MISSING")

        return [required]

    def failing_test(self, _canary):
        return None

    def report(self, planted):
        yield json.dumps({"found": planted if self.has("quotes_findings") else "line 3"}).encode()

    def import_archive(self, path):
        if self.has("extracts_anything"):
            with tarfile.open(path) as archive:
                archive.extractall(self._path("data"), filter="fully_trusted")
            return
        with zipfile.ZipFile(path) if path.endswith(".zip") else tarfile.open(path):
            pass
        raise Refused("no archive of this store")

    def sources(self):
        own = self._path("source.py")
        comparison = "tag == expected" if self.has("compares_plainly") else "hmac.compare_digest(tag, expected)"
        with open(own, "w", encoding="utf-8") as file:
            file.write(f"import hmac\n\n\ndef verify(tag, expected):\n    return {comparison}\n")
        return [own]

    def scan(self, directory):
        if self.has("scans_nothing"):
            return
        for folder, _, names in os.walk(directory):
            for name in names:
                path = os.path.join(folder, name)
                if build_secrets(os.path.relpath(path, directory), _raw(path)):
                    yield name

    def step(self):
        if self.has("exact_length"):
            return 0
        return STEP

    def writes_in_process(self):
        return True

    # Reading.

    def _parsed(self, tenant):
        path = self._data(tenant)
        if self.has("takes_what_is_there") and not os.path.lexists(path):
            return {"header": {}, "records": [], "lines": [], "mac": None, "body": b""}
        data = self._read(path, private=False)
        try:
            return self._lines_of(data, tenant)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as exc:
            assert not self.has("asserts"), "malformed"
            if self.has("plain_fallback"):
                pairs = [
                    line.removeprefix("export ").split("=", 1)
                    for line in data.decode(errors="replace").splitlines()
                    if "=" in line
                ]
                return {"header": {}, "records": [], "lines": [], "mac": None, "plain": dict(pairs)}
            raise Refused(f"{REFUSED}: {type(exc).__name__}" if self.has("tells_apart") else REFUSED) from None

    def _lines_of(self, data, tenant):  # noqa: C901, PLR0912 - one rule a line, some switched off
        if self.has("unpickles") and not data.startswith(b"{"):
            try:
                pickle.loads(data)
            except Exception as exc:
                raise ValueError from exc
        if self.has("lenient_spelling"):
            data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").strip() + b"\n"
        text = data.decode()
        lines = text.split("\n")
        if self.has("takes_what_is_there"):
            return self._as_far_as_it_goes(lines)
        if lines.pop() != "" and not self.has("lenient_spelling"):
            raise ValueError("no last line feed")
        ends = [number for number, line in enumerate(lines) if line.startswith('{"t":"trailer"')]
        if self.has("ignores_the_rest") and ends:
            lines = lines[: ends[0] + 1]
        header, *records, trailer = [json.loads(line) for line in lines if line or not self.has("lenient_spelling")]
        canonical = [_line(**each) for each in (header, *records, trailer)]
        if canonical != lines and not self.has("lenient_spelling", "lenient_counters"):
            raise ValueError("not canonical")
        kinds = [header["t"], trailer["t"], *(each["t"] for each in records)]
        if kinds != ["header", "trailer", *["record"] * len(records)]:
            raise ValueError("kinds")
        if header["format"] != FORMAT or (header["alg"] != "aes-256-gcm" and not self._states_none(header)):
            raise ValueError("format")
        if header["tenant"] != tenant and not self.has(
            "tenant_unbound", "folds_ids", "paths_unchecked", "header_outside"
        ):
            raise Refused(f"{REFUSED}: another tenant's" if self.has("tells_apart") else REFUSED)
        for counter in [
            header["generation"],
            header["saved"],
            header["expires"],
            *(each["version"] for each in records),
        ]:
            if not self.has("lenient_counters") and (not isinstance(counter, int) or not 0 <= counter < 2**53):
                raise ValueError("counter")
        for text in (trailer["mac"], *(each["sealed"] for each in records)):
            if _encode(_decode(text)) != text and not self.has("lenient_spelling"):
                raise ValueError("base64")
        body = _lines(canonical[:-1])
        if self.has("header_outside", "lenient_counters"):
            body = _lines(canonical[1:-1])
        return {
            "header": header,
            "records": records,
            "lines": canonical[1:-1],
            "mac": _decode(trailer["mac"]),
            "body": body,
        }

    def _as_far_as_it_goes(self, lines):
        parsed = []
        for line in lines:
            try:
                parsed.append(json.loads(line))
            except ValueError:
                break
        records = [each for each in parsed if each.get("t") == "record"]
        header = {"generation": 1, "expires": 0, "saved": 0, **(parsed[0] if parsed else {})}
        return {
            "header": header,
            "records": records,
            "lines": [_line(**each) for each in records],
            "mac": None,
            "body": b"",
        }

    def _states_none(self, header):
        return self.has("honours_none") and header["alg"] == "none"

    def _opened(self, tenant, parsed):
        if "plain" in parsed:
            return parsed["plain"]
        if parsed["mac"] is None:
            keys = self._keys(tenant) if parsed["records"] else []
            return {each["name"]: self._value(keys, tenant, each) for each in parsed["records"]}
        try:
            keys = self._keys(tenant)
        except Refused:
            if self.has("passes_through"):
                return {each["name"]: each["sealed"] for each in parsed["records"]}
            raise
        alone = (
            "unauthenticated",
            "records_alone",
            "name_unbound",
            "joined_context",
            "records_travel",
            "version_unbound",
            "passes_through",
        )
        good = any(hmac.compare_digest(_mac(key, parsed["body"]), parsed["mac"]) for key in keys)
        if not good and not self.has(*alone) and not self._states_none(parsed["header"]):
            raise Refused(f"{REFUSED}: mac" if self.has("tells_apart") else REFUSED)
        return {each["name"]: self._value(keys, tenant, each) for each in parsed["records"]}

    def _value(self, keys, tenant, entry):
        sealed = _decode(entry["sealed"])
        if self.has("unauthenticated"):
            return _unpadded(_stream(keys[0], sealed[:12], sealed[12:]))
        for key in keys:
            try:
                return _unpadded(
                    AESGCM(key).decrypt(sealed[:12], sealed[12:], self._bound(tenant, entry["name"], entry["version"]))
                )
            except InvalidTag:
                continue
        if self.has("passes_through"):
            return entry["sealed"]
        raise Refused(f"{REFUSED}: value" if self.has("tells_apart") else REFUSED)

    def _bound(self, tenant, name, version):
        if self.has("joined_context"):
            return (tenant + name).encode()
        if self.has("tenant_unbound", "records_travel"):
            return _framed(name, str(version))
        if self.has("name_unbound"):
            return _framed(tenant)
        return _framed(tenant, name) if self.has("version_unbound") else _framed(tenant, name, str(version))

    def _fresh(self, tenant, header):
        now = time.time() + self.ahead
        expires, saved = int(header["expires"] or 0), int(header["saved"] or 0)
        if expires and not self.has("never_ends") and (now > expires or now < saved - 300):
            raise Refused("stale")
        mark = self._path("marks", tenant)
        if os.path.isdir(self._path("marks")) and not self.has("silent_rollback"):
            seen = int(_raw(mark) or b"0") if os.path.exists(mark) else 0
            if header["generation"] < seen:
                raise Refused("rolled back")

    def _mark(self, tenant, header):
        if os.path.isdir(self._path("marks")) and not self.has("silent_rollback"):
            with open(self._path("marks", tenant), "w", encoding="ascii") as file:
                file.write(str(header["generation"]))

    def _read(self, path, *, private):
        if self.has("opens_anything"):
            return _raw(path)
        flags = os.O_RDONLY | os.O_NONBLOCK | (0 if self.has("follows_links") else os.O_NOFOLLOW)
        if os.path.islink(os.path.dirname(path)) and not self.has("follows_links"):
            raise Refused("link")
        try:
            fd = os.open(path, flags)
        except OSError:
            raise Refused("not there" if self.has("tells_apart") else REFUSED) from None
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            os.close(fd)
            raise Refused("no regular file")
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(status.st_mode) or (status.st_nlink > 1 and not self.has("follows_links")):
                raise Refused("no regular file")
            parent = os.stat(os.path.dirname(path))
            wide = status.st_mode & (0o077 if private else 0o022) or (
                private and (parent.st_mode & 0o022 or status.st_uid != os.geteuid())
            )
            if wide and not self.has("any_mode", "trusts_umask"):
                raise Refused("mode")
            if status.st_size > LIMIT and not self.has("unbounded"):
                raise Refused("size")
            data = file.read()
        if data.count(b"[") + data.count(b"{") > 10_000 and not self.has("unbounded"):
            raise Refused("depth")
        return data

    # Writing.

    def _sealed(self, tenant, name, value, version):
        key = self._keys(tenant)[0]
        raw = value.encode("utf-8", "surrogatepass")
        padded = len(raw).to_bytes(4, "big") + raw
        if not self.has("exact_length"):
            padded += bytes(-len(padded) % STEP)
        nonce = self._nonce(value)
        if self.has("unauthenticated"):
            sealed = nonce + _stream(key, nonce, padded)
        else:
            sealed = nonce + AESGCM(key).encrypt(nonce, padded, self._bound(tenant, name, version))
        return _line(t="record", name=name, version=version, sealed=_encode(sealed))

    def _nonce(self, value):
        if self.has("counted_nonces"):
            self.counter += 1
            return self.counter.to_bytes(12, "big")
        if self.has("deterministic"):
            return hashlib.sha256(value.encode()).digest()[:12]
        if self.has("seeded"):
            return random.getrandbits(96).to_bytes(12, "big")
        return os.urandom(12)

    def _save(self, tenant, lines, generation, expires):
        header = _line(
            t="header",
            format=FORMAT,
            alg="aes-256-gcm",
            tenant=tenant,
            generation=generation,
            saved=int(time.time()),
            expires=expires,
        )
        covered = lines if self.has("header_outside", "lenient_counters") else [header, *lines]
        mac = _mac(self._keys(tenant)[0], _lines(covered))
        self._mkdir(os.path.dirname(self._data(tenant)))
        self._replace(self._data(tenant), _lines([header, *lines, _line(t="trailer", mac=_encode(mac))]))

    def _new_key(self, tenant):
        shared = self.has("one_key", "tenant_unbound", "records_travel", "joined_context")
        self._write_key(tenant, [bytes(range(32)) if shared else os.urandom(32)])

    def _write_key(self, tenant, keys):
        line = _line(
            t="key",
            tenant="" if self.has("one_key", "paths_unchecked") else tenant,
            keys=[_encode(key) for key in keys],
        )
        self._replace(self._key(tenant), _lines([line]))

    def _keys(self, tenant):
        data = self._read(self._key(tenant), private=True)
        try:
            parsed = json.loads(data)
            keys = [_decode(text) for text in parsed["keys"]]
            canonical = _lines([_line(t="key", tenant=parsed["tenant"], keys=[_encode(key) for key in keys])])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Refused(REFUSED) from None
        shared = self.has("one_key", "paths_unchecked", "folds_ids")
        if (
            canonical != data
            or (parsed["tenant"] != tenant and not shared)
            or not keys
            or {len(key) for key in keys} != {32}
        ):
            raise Refused(REFUSED)
        return keys

    def _replace(self, path, data):
        if self.has("swallows_errors"):
            try:
                self._put_in_place(path, data)
            except OSError:
                return
        else:
            try:
                self._put_in_place(path, data)
            except OSError as exc:
                raise Refused(errno.errorcode.get(exc.errno, "error")) from None

    def _put_in_place(self, path, data):
        if self.has("writes_in_place", "follows_links"):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.write(fd, data)
            os.close(fd)
            return
        if os.path.islink(path) or os.path.islink(os.path.dirname(path)):
            raise Refused("link")
        mode = 0o666 if self.has("trusts_umask") else 0o600
        temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.urandom(6).hex()}.tmp")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        try:
            try:
                os.write(fd, data)
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(temporary, path)
            temporary = ""
        finally:
            if temporary:
                os.unlink(temporary)

    @contextmanager
    def _locked(self):
        if self.has("takes_no_lock"):
            yield
            return
        try:
            fd = os.open(self._path(".lock"), os.O_RDONLY | os.O_CREAT, 0o600)
        except OSError:
            raise Refused("no lock") from None
        with _THREADS, os.fdopen(fd) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for folder in (self._path("keys"), *(self._path("data", name) for name in os.listdir(self._path("data")))):
                if os.path.isdir(folder) and not os.path.islink(folder):
                    for name in os.listdir(folder):
                        if name.endswith(".tmp"):
                            os.unlink(os.path.join(folder, name))
            yield

    def _seals(self, tenant, data):
        for record in self.records(data):
            yield self._keys(tenant)[0], record.sealed[:12], record.sealed

    # Places.

    def _check(self, tenant):
        if self.has("folds_ids"):
            return unicodedata.normalize("NFKC", tenant).casefold().strip(" .")
        if not self.has("paths_unchecked") and not TENANT.fullmatch(tenant):
            raise Refused("no tenant")
        return tenant

    def _mkdir(self, path):
        if self.has("trusts_umask"):
            os.makedirs(path, exist_ok=True)
        elif not os.path.isdir(path):
            os.mkdir(path, 0o700)

    def _path(self, *parts):
        return os.path.join(self.directory, *parts)

    def _data(self, tenant):
        return self._path("data", tenant, "secrets")

    def _key(self, tenant):
        return self._path("keys", f"{tenant}.key")


class View:
    """An object around values."""

    def __init__(self, values, *, shows):
        self.reveal = lambda: values
        if shows:
            self.values = values

    def __repr__(self):
        return f"View({self.values})" if hasattr(self, "values") else "View(hidden)"

    def __reduce_ex__(self, protocol):
        if hasattr(self, "values"):
            return (dict, (self.values,))
        raise TypeError("not pickled")


_THREADS = threading.RLock()


def _placed(data):
    """Yield each line with how its fields are named."""
    for line in data.decode().splitlines():
        kind = re.match(r'\{"t":"(\w+)"', line)
        name = re.search(r'"name":"([^"]*)"', line)
        yield (f"record.{name[1]}" if name else kind[1] if kind else ""), line


def _text(line, name):
    return re.search(rf'"{name}":"([^"]*)"', line)[1]


def _line(**fields):
    return json.dumps(fields, separators=(",", ":"))


def _lines(lines):
    return "".join(f"{line}\n" for line in lines).encode()


def _encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text):
    return base64.urlsafe_b64decode(text.translate(str.maketrans("+/", "-_")) + "=" * (-len(text.rstrip("=")) % 4))


def _framed(*fields):
    return b"".join(len(field.encode()).to_bytes(4, "big") + field.encode() for field in fields)


def _unpadded(padded):
    size = int.from_bytes(padded[:4], "big")
    return padded[4 : 4 + size].decode("utf-8", "replace")


def _mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def _stream(key, nonce, data):
    return Cipher(algorithms.AES(key), modes.CTR(nonce + b"\0\0\0\2")).encryptor().update(data)


def _open_with_tag(key, nonce, sealed, aad):
    return AESGCM(key).decrypt(nonce, sealed, aad)


def _open_without_tag(key, nonce, sealed, aad):
    return _stream(key, nonce, sealed[:-16])


def _raw(path):
    with open(path, "rb") as file:
        return file.read()
