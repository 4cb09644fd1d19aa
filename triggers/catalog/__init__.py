"""Changes to the catalogue: each checks rights, changes rows and records its event in one transaction."""
