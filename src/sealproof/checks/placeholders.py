"""Values that stand in for a value: fill-me-in texts, template markers, and credentials that products ship with.

The rules are ours, from what installation guides and sample files write. Each is tight enough that a
value drawn at random does not meet it: a short word counts only where it stands alone.
"""

from __future__ import annotations

import re

FILLER_MAX = 64  # characters; longer texts are not made of filler words only, and are not worth the time

_WORDS = "|".join(
    """
    access account admin an api app are at auth bot bar baz change client code config credential db default demo dev
    development do dummy empty enter environment example fake fill filler fixme foo for generate go goes here hidden
    in insert is it jwt key local login long lorem ipsum dolor master me mock must my name new nil none not null of
    on or pass passwd password paste personal phrase please private prod production provide put pw pwd
    qux random real redacted remove replace required root safe sample secret secure service session set some
    something staging stub super temp test testing the this to token undefined unknown unset update use user value
    webhook with write wrong you your yours
    """.split()
)
# No single letters and no words of hexadecimal digits only: numbers between them are free, so drawn values would tile.
_FILLER = re.compile(rf"(?=.*[a-z])(?:{_WORDS}|[\W\d_])+", re.DOTALL)
_MARKERS = (
    # Long words are no accident anywhere; short ones only between characters that are no letters or digits.
    r"change[-_ ]?me|change[-_ ]?it|change[-_ ]?this|replace[-_ ]?me|replace[-_ ]?this|placeholder|example",
    r"(?<![a-z0-9])(?:lorem|dummy|sample|fixme|redacted|x{3,})(?![a-z0-9])",
    r"x{6,}|\*{4,}|\.{3}$",
    r"^your[-_ .]|your[-_ ].{1,40}[-_ ]here|(?:insert|enter|paste|put)[-_ ].{1,40}[-_ ]here",
    r"^django-insecure-",  # what startproject writes, with the advice to change it
)
_MARKER = re.compile("|".join(_MARKERS))
_TEMPLATES = (
    r"<[^<>]*>",
    r"\$\{[^{}]*\}|\$[a-z_][a-z0-9_]*|\$\([^()]*\)",
    r"\{\{.*\}\}",
    r"%[a-z_][a-z0-9_]*%|@@?[a-z_][a-z0-9_]*@@?|__[a-z][a-z0-9_]*__",
    r"\[[a-z][a-z0-9 _-]*\]",
)
_TEMPLATE = re.compile("|".join(_TEMPLATES), re.DOTALL)
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

_SHIPPED = frozenset(
    """
    123 1234 12345 123456 1234567 12345678 123456789 1234567890 123123 654321 000000 111111 abc abcd abcdef abc123
    admin admin123 administrator airflow amqp arangodb bitnami calvin cassandra clickhouse cockroach couchbase
    couchdb django docker elastic elasticsearch flask grafana guest harbor hunter influxdb iloveyou jenkins kafka
    keycloak kibana laravel letmein logstash mariadb memcached metabase minio minioadmin minioroot mongo mongodb
    monkey mosquitto mssql mysql neo4j nexus nextcloud nginx odoo operator oracle p@ssw0rd p@ssword pa$$word
    pa$$w0rd passw0rd postgres postgresql prometheus public pulsar qwerty qwertyuiop rabbit rabbitmq raspberry redis
    registry rethinkdb s3cr3t s3cret sa scott solr sonar sonarqube spark sql splunk supabase superset supersecret
    supervisor support sysadmin system tiger tomcat toor traefik ubuntu vagrant vault welcome wildfly wordpress
    zabbix
    """.split()
) | frozenset(("keyboard cat", "correct horse battery staple", "shhhhh", "shhhhhhared-secret"))
_TAIL = " !@#$%^&*.0123456789"


def is_placeholder(value: str) -> bool:
    """Tell whether `value` stands for a value that somebody was meant to fill in. Upper and lower case are one."""
    text = value.strip().lower()
    if not text:
        return False
    if _MARKER.search(text) or _TEMPLATE.fullmatch(text) or (len(text) > 1 and len(set(text)) == 1):
        return True
    return len(text) <= FILLER_MAX and _FILLER.fullmatch(text) is not None


def is_shipped_default(value: str) -> bool:
    """Tell whether `value` is a password that a product or guide ships with, numbers and marks behind it aside."""
    text = value.strip().lower()
    return text in _SHIPPED or text.rstrip(_TAIL) in _SHIPPED


def reference(value: str) -> str:
    """Return the name that a value of exactly `${NAME}` refers to, or an empty text."""
    found = _REFERENCE.fullmatch(value)
    return found[1] if found else ""
