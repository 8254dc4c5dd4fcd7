"""Reports: pure functions from one `RunResult` to bytes, and the proof that those bytes are that run's.

    results       RunResult to canonical JSON and back; every other format is made from it
    html          the page for people
    formats       the table of formats, by file name
    attestation   the signed statement over every file of a report
    write         a report directory, whole or not at all
    verify        the same directory, checked against a key that was pinned before
    coverage      what the results say about each framework's controls

Import the module you need; this file imports none of them.
"""
