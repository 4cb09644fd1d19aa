"""Who sends: one module per sender that we understand, each registering itself. Importing this package loads all."""

from triggers.sources import generic, github, myget
from triggers.sources.base import PING, WEBHOOK_RECEIVED, Delivery, Source, Told, source_of, sources

__all__ = [
    "PING",
    "WEBHOOK_RECEIVED",
    "Delivery",
    "Source",
    "Told",
    "generic",
    "github",
    "myget",
    "source_of",
    "sources",
]
