"""One module a command: its docstring is its help, `configure` its options, `run` its work."""
