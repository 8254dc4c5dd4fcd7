"""What image, compose and CI files do with secrets, line by line, and what they may do with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.checks.scan.build_files import BuildSecret, Fault, build_secrets, is_build_file
from sealproof.checks.scan.build_samples import CLEAN, planted

VALUE = "fjord9037anvil-mosaic"
PLANTED = planted(VALUE)


def found(path: str, text: str) -> list[BuildSecret]:
    return build_secrets(path, text.encode())


@pytest.mark.parametrize(("path", "text"), PLANTED, ids=range(len(PLANTED)))
def test_what_is_planted_is_found_and_never_quoted(path, text):
    assert found(path, text)
    assert not [each for each in found(path, text) if VALUE in each.what + each.fix + each.name]


def test_a_planted_case_of_every_fault_is_among_the_samples():
    assert {each.fault for path, text in PLANTED for each in found(path, text)} == {*Fault}


@pytest.mark.parametrize(("path", "text"), CLEAN, ids=range(len(CLEAN)))
def test_the_clean_twin_raises_no_alarm(path, text):
    assert found(path, text) == []


@pytest.mark.parametrize(
    "path",
    [
        *("Dockerfile", "deploy/Dockerfile.prod", "api.Dockerfile", "worker.dockerfile", "Containerfile"),
        *("compose.yaml", "docker-compose.override.yml", "ci/build.log", "docker-history.txt"),
        *(".github/workflows/release.yaml", ".github/actions/setup/action.yml", ".gitlab-ci.yml", "Jenkinsfile"),
        *("azure-pipelines.yml", "bitbucket-pipelines.yml", ".circleci/config.yml", ".travis.yml", ".drone.yml"),
    ],
)
def test_a_build_file_is_known_by_its_name(path):
    assert is_build_file(path)


@pytest.mark.parametrize("path", ["HISTORY.txt", "docs/compose.md", "workflows/ci.yml", "values.yaml", "log/app.py"])
def test_another_file_is_none(path):
    assert not is_build_file(path)
    assert found(path, f"ENV API_TOKEN={VALUE}\n") == []


@pytest.mark.parametrize(
    "line",
    [
        *(f"ENV {name}={VALUE}" for name in ("DB_PASS", "AWS_SECRET_ACCESS_KEY", "SECRET_KEY_BASE", "TOKEN_2")),
        *(f"RUN export {name}={VALUE}" for name in ("ENCRYPTION_KEY", "REGISTRY_PASSWORD_PROD", "GPG_PASSPHRASE")),
        f'ENV HOME=/app "API_KEY"="{VALUE}"',
        f"RUN curl -H 'X-Api-Key: {VALUE}' https://internal.example",
    ],
)
def test_a_fixed_value_under_a_name_that_speaks_of_a_secret_is_found(line):
    ((number, fault, _),) = found("Dockerfile", f"FROM scratch\n{line}\n")
    assert (number, fault) == (2, Fault.VALUE)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "ENV PASSWORD_HASHER=argon2-default-cost",
            "ENV TOKEN_URL=https://internal.example/token",
            "ENV BYPASS=always-on",
        ),
        *(
            "ENV API_TOKEN=$API_TOKEN",
            "ENV API_TOKEN=${API_TOKEN:?set it}",
            "ENV DB_PASSWORD=",
            "ENV DB_PASSWORD=short",
        ),
        *("ENV DB_PASSWORD=postgres", "ENV DB_PASSWORD=<your-password-here>", "ENV SECRET_NAME=prod/db/password"),
        *("COPY .env.example .env.enc .env.production.enc /app/", "COPY server.crt /etc/tls/", "COPY . ."),
    ],
)
def test_what_only_looks_like_a_secret_raises_no_alarm(line):
    assert found("Dockerfile", f"FROM scratch\n{line}\n") == []


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("echo $API_TOKEN", Fault.PRINTED),
        ("make && echo ${API_TOKEN}", Fault.PRINTED),
        ("echo start | tee a.log; printf '%s' \"$API_TOKEN\"", Fault.PRINTED),
        ('echo "$API_TOKEN" | docker login --password-stdin', None),
        ('echo "$API_TOKEN" > token.txt', None),
        ('echo "no token is needed"', None),
        ('curl -H "X: $API_TOKEN" https://internal.example | base64', Fault.ENCODED),
        ("docker build --build-arg API_TOKEN=$API_TOKEN .", Fault.ARGUMENT),
        ("docker build --build-arg VERSION=$VERSION .", None),
        ("env", Fault.PRINTED),
        ("env FOO=1 make", None),
    ],
)
def test_a_command_in_a_pipeline_is_judged_by_where_the_secret_goes(command, fault):
    text = f"test:\n  variables:\n    A: $API_TOKEN\n  script:\n    - {command}\n"
    assert [(each.line, each.fault) for each in found(".gitlab-ci.yml", text)] == ([(5, fault)] if fault else [])


@given(
    st.sampled_from([path for path, _ in PLANTED]),
    st.text(st.sampled_from("ENVARGTOKEN_ =:'\"${}|>;#\n-0123 "), max_size=400),
)
def test_any_text_has_an_answer_that_points_into_it(path, text):
    assert all(1 <= each.line <= max(len(text.splitlines()), 1) for each in found(path, text))


@pytest.mark.parametrize("tail", ["_1" * 20_000, "1" * 40_000, "_DEV" * 10_000, "TOKEN" * 8_000])
def test_a_long_name_comes_to_its_end(tail):
    found("Dockerfile", f"ENV TOKEN{tail}! x\n")  # a second way to read it would take longer than anyone waits
