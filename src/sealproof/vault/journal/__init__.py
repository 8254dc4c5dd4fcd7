"""The journal `keys/rotation_log.json`: one signed, fsynced line before each side effect of a long operation.

Whoever changes keys or credentials in several steps writes each step down first, so that a process
killed at any point leaves a line that says what it was about to do, and the next one can finish it:

    journal = Journal(root)
    with journal.lease("acme/production/DB_PASSWORD"):          # nobody else works on it meanwhile
        found = journal.unfinished("credential.rotate", "acme/production/DB_PASSWORD")
        operation = found[0] if found else journal.begin("credential.rotate", "acme/…", version=version_id)
        operation.ensure("created")         # a durable line, unless it was written before the crash
        store_pending(...)                  # the side effect: idempotent, it may have happened already
        operation.step("promoting", share=25)   # always a line, for steps that repeat
        operation.done()                    # or operation.abandon("reason")

Lines are chained by SHA-256 and signed with a key of their own purpose (`keys/signing/journal.key`);
`verify` checks every one. Facts are names, numbers and identifiers, never values. Each line passes two
named points on its way, `<kind>:<event>:before` and `<kind>:<event>:written`; the side effect follows the second. Tests
hand in `reached`, a callable that is told of each point, and kill the process there.
"""

from sealproof.vault.journal.entry import ABANDONED, BEGIN, DONE, NOTE, Entry
from sealproof.vault.journal.journal import Journal
from sealproof.vault.journal.operation import Operation, Reached, nothing

__all__ = ["ABANDONED", "BEGIN", "DONE", "NOTE", "Entry", "Journal", "Operation", "Reached", "nothing"]
