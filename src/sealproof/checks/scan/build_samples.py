"""Build and CI files with a planted value, and their clean twins: what tests and attacks show the detector."""

from __future__ import annotations

import base64

_TRACED = (
    "jobs:\n  test:\n    steps:\n      - env:\n          API_TOKEN: ${{ secrets.API_TOKEN }}\n"
    '        run: |\n          set -x\n          curl -H "X: $API_TOKEN" https://internal.example\n'
)
_HANDED_ON = (
    "jobs:\n  a:\n    steps:\n      - uses: docker/build-push-action@v6\n        with:\n"
    "          build-args: |\n            VERSION=1\n            NPM_TOKEN=${{ secrets.NPM_TOKEN }}\n"
    "          push: true\n"
)
_PIPED = (
    "permissions:\n  id-token: write\njobs:\n  a:\n    steps:\n"
    "      - uses: docker/login-action@v3\n        with:\n          password: ${{ secrets.REGISTRY_PASSWORD }}\n"
    '      - run: echo "$REGISTRY_PASSWORD" | docker login --password-stdin registry.example\n'
    "      - uses: docker/build-push-action@v6\n        with:\n          build-args: |\n            VERSION=1.2.3\n"
    "          secrets: |\n            NPM_TOKEN=${{ secrets.NPM_TOKEN }}\n"
)
_DEFAULTS = (
    "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: postgres\n      DB_PASSWORD: change-me\n"
    "      TOKEN_URL: https://internal.example/token\n      DB_PASSWORD_FILE: /run/secrets/db\n"
)
CLEAN = (
    (
        "Dockerfile",
        "FROM python:3.12\nARG VERSION\nENV LOG_LEVEL=INFO\nRUN --mount=type=secret,id=token pip install .\n",
    ),
    ("Dockerfile", "FROM python:3.12\nENV API_TOKEN_FILE=/run/secrets/token\nENV API_TOKEN=${API_TOKEN}\n"),
    (
        "docker-compose.yml",
        "services:\n  app:\n    environment:\n      - API_TOKEN\n      - DB_PASSWORD=${DB_PASSWORD}\n",
    ),
    (
        "compose.yaml",
        "services:\n  app:\n    build:\n      args:\n        VERSION: 1\n    secrets:\n      - NPM_TOKEN\n",
    ),
    ("compose.yaml", "services:\n  app:\n    environment:\n      DB_PASSWORD: ${DB_PASSWORD:?required}\n"),
    (
        ".github/workflows/ci.yml",
        "jobs:\n  test:\n    env:\n      API_TOKEN: ${{ secrets.API_TOKEN }}\n    steps:\n      - run: make test\n",
    ),
    (".github/workflows/ci.yml", "jobs:\n  test:\n    steps:\n      - run: |\n          set -x\n          make test\n"),
    (
        ".github/workflows/ci.yml",
        "jobs:\n  a:\n    steps:\n      - uses: actions/upload-artifact@v4\n        with:\n          path: report/\n",
    ),
    (".gitlab-ci.yml", "test:\n  variables:\n    API_TOKEN: $API_TOKEN\n  script:\n    - make test\n"),
    (".github/workflows/ci.yml", _PIPED),
    (
        "Jenkinsfile",
        "pipeline {\n  environment { API_TOKEN = credentials('api-token-of-the-registry') }\n}\n",
    ),
    ("docker-compose.test.yml", _DEFAULTS),
    ("Dockerfile.prod", "FROM python:3.12\nCOPY .env.example .env.enc app.py /app/\nCOPY certs/public.crt /app/\n"),
    ("build.log", "Step 3: fetching\nmasked value: ***\n"),
    ("docker-history.txt", "ENV LOG_LEVEL=INFO\nRUN /bin/sh -c pip install .\n"),
)
"""Files in which nothing is wrong, by name."""


def planted(value: str) -> tuple[tuple[str, str], ...]:
    """Return files that each hold `value`, or give away whatever value there will be."""
    encoded = base64.b64encode(value.encode()).decode()
    return (
        ("Dockerfile", f"FROM python:3.12\nENV API_TOKEN={value}\n"),
        ("Dockerfile", f'FROM python:3.12\nENV DB_PASSWORD "{value}"\n'),
        ("Dockerfile", f"FROM python:3.12\nARG DB_PASSWORD={value}\nRUN make\n"),
        ("app.dockerfile", f"FROM python:3.12\nRUN curl -H 'Authorization: Bearer {value}' https://internal.example\n"),
        ("Dockerfile", "FROM python:3.12\nARG API_TOKEN\nENV API_TOKEN=$API_TOKEN\nRUN make\n"),
        ("Dockerfile.prod", "FROM python:3.12\nCOPY app.py .env.production /app/\n"),
        ("Containerfile", 'FROM python:3.12\nADD ["deploy/tls.key", "/etc/tls/"]\n'),
        ("docker-compose.yml", f"services:\n  app:\n    environment:\n      - DB_PASSWORD={value}\n"),
        ("compose.yaml", "services:\n  app:\n    build:\n      args:\n        NPM_TOKEN: ${NPM_TOKEN}\n"),
        ("compose.yaml", "services:\n  app:\n    build:\n      args:\n        - VERSION=1\n        - NPM_TOKEN\n"),
        ("compose.yaml", f"services:\n  app:\n    environment:\n      DB_PASSWORD: {value}\n"),
        (
            ".github/workflows/ci.yml",
            f"jobs:\n  test:\n    env:\n      API_TOKEN: {value}\n    steps:\n      - run: make\n",
        ),
        (".github/workflows/ci.yml", _TRACED),
        (
            ".github/workflows/ci.yml",
            "jobs:\n  a:\n    steps:\n      - run: docker build --build-arg NPM_TOKEN=${{ secrets.NPM_TOKEN }} .\n",
        ),
        (".github/workflows/ci.yml", _HANDED_ON),
        (
            ".github/workflows/ci.yml",
            'jobs:\n  a:\n    steps:\n      - run: echo "the token is ${{ secrets.API_TOKEN }}"\n',
        ),
        (".gitlab-ci.yml", "test:\n  script:\n    - echo $DB_PASSWORD\n"),
        (
            ".gitlab-ci.yml",
            'test:\n  script:\n    - curl -H "X: $API_TOKEN" https://internal.example\n    - printenv\n',
        ),
        ("azure-pipelines.yml", f"variables:\n  - name: DB_PASSWORD\n    value: {value}\n"),
        (
            ".github/workflows/ci.yml",
            "jobs:\n  a:\n    steps:\n      - uses: actions/upload-artifact@v4\n        with:\n          path: .env\n",
        ),
        (
            ".github/workflows/ci.yml",
            "jobs:\n  a:\n    steps:\n      - run: echo ${{ secrets.API_TOKEN }} | base64\n",
        ),
        (".gitlab-ci.yml", f"test:\n  variables:\n    DB_PASSWORD: {value}\n  script:\n    - make test\n"),
        ("build.log", f"Step 3: fetching\nAPI_TOKEN in base64: {encoded}\n"),
        ("docker-history.txt", f"ENV API_TOKEN={value}\nRUN /bin/sh -c pip install .\n"),
    )
