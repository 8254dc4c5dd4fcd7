"""The command line: one module a command; parse, call, print. stdout is the answer, stderr the conversation."""
