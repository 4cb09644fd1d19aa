"""Action kinds, registered by name."""
