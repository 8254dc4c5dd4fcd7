"""How a stranger checks a report with tools that are on every machine: no Python, and none of our code.

The recipe is printed in each signed report and run, as printed, by the tests. It relies on the
attestation being canonical JSON (one line, sorted keys), so that `sed` can take it apart.
"""

from __future__ import annotations

VERIFY = "sealproof report verify DIR --key PUBLIC_KEY_FILE"
"""The command that does all of the steps; `RECIPE` does the signature and the digests."""

RECIPE = r"""# Run this in the report's directory.
# KEY is the public key as its owner published it, never one that came with the report.
KEY=PUBLIC_KEY_FILE
( set -eu
  work=$(mktemp -d); trap 'rm -r "$work"' EXIT; found=no

  # 1. What was signed: the statement and, before it, its type and length (DSSE).
  sed -n 's/.*"payload":"\([^"]*\)".*/\1/p' attestation.dsse.json | base64 -d > "$work/statement"
  { printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c < "$work/statement")"
    cat "$work/statement"; } > "$work/signed"

  # 2. Who signed it: one of the signatures must be the key's.
  for signature in $(tr , '\n' < attestation.dsse.json | sed -n 's/.*"sig":"\([^"]*\)".*/\1/p'); do
    printf %s "$signature" | base64 -d > "$work/signature"
    openssl pkeyutl -verify -rawin -pubin -inkey "$KEY" -in "$work/signed" -sigfile "$work/signature" && found=yes
  done
  test "$found" = yes

  # 3. What it covers: each file that it names must have the digest that it states.
  sed 's/.*"subject":\[//' "$work/statement" | tr '{' '\n' |
    sed -n 's/^"sha256":"\([0-9a-f]*\)"},"name":"\([^"]*\)"}.*/\1  \2/p' > "$work/digests"
  grep -q '  report.html$' "$work/digests"
  grep -q '  results.json$' "$work/digests"
  sha256sum -c "$work/digests"
  echo 'the signature and the digests hold'
)
"""
