"""What the web server serves: the WSGI application, with bodies taken in by the event loop."""

import gc
from importlib import import_module

from django.conf import settings

from reactions_project.orphans import die_with_parent
from reactions_project.wsgi import application as wsgi_application
from reactions_project.wsgi_over_asgi import WsgiOverAsgi

# For pages and the API. On SQLite two: one writer at a time is all there is, and a page may be read meanwhile. On
# PostgreSQL more, since each waits for the server most of the time.
THREADS_EMBEDDED, THREADS = 2, 4
# For deliveries, which are taken in together: on SQLite one writes for all of them.
GROUP_THREADS_EMBEDDED, GROUP_THREADS = 1, 2

# Imported by each worker of the web server: one that outlived it would hold the port and answer.
die_with_parent()

application = WsgiOverAsgi(
    wsgi_application,
    threads=THREADS_EMBEDDED if settings.EMBEDDED else THREADS,
    group_threads=GROUP_THREADS_EMBEDDED if settings.EMBEDDED else GROUP_THREADS,
    max_body=settings.REACTIONS_MAX_BODY_BYTES,
    # By name, as the list of addresses names its apps.
    together=import_module("triggers.views.deliveries"),
)
# What is loaded by now stays: looking through all of it for garbage stops every request for 100 ms at a time.
gc.collect()
gc.freeze()
