"""Django's SQLite backend, with its writers in a line instead of looking again after ever longer pauses."""
