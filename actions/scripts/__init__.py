"""Runs scripts in PowerShell, Python and Bash, in a sandbox, with the event, the payload and an API client at hand."""
