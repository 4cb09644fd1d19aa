"""The WSGI application that the web server and the scripts' API socket serve."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reactions_project.settings")
application = get_wsgi_application()
