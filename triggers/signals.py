"""The one domain signal: an event was recorded. actions/apps.py connects the wake-up of the dispatcher to it."""

from django.dispatch import Signal

# Sent inside the recording transaction with `event` (triggers.models.Event).
event_recorded = Signal()
