"""Tell people in time what the vault sees: alerts, and the sinks that take them. An observer of the rooms below."""
