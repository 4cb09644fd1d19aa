"""Settings, all from the environment through env.py; the defaults run on a laptop with nothing else installed."""

from pathlib import Path
from typing import Any

import dj_database_url

from reactions_project import env

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("REACTIONS_DATA_DIR", str(BASE_DIR / ".data"))).resolve()
DATABASE_URL = env.text("DATABASE_URL")
REDIS_URL = env.text("REDIS_URL")
# Embedded: one host, SQLite, keys made on first use. Scaled out: every host must be given the same keys.
EMBEDDED = not DATABASE_URL

DEBUG = env.flag("REACTIONS_DEBUG")
SECRET_KEY = env.secret("SECRET_KEY", DATA_DIR / "keys" / "secret_key" if EMBEDDED else None)
REACTIONS_ENCRYPTION_KEYS = [
    key.strip()
    for key in env.secret(
        "REACTIONS_ENCRYPTION_KEYS", DATA_DIR / "keys" / "encryption_keys" if EMBEDDED else None
    ).split(",")
    if key.strip()
]

PORT = env.integer("PORT", 8000, minimum=1)
REACTIONS_BASE_URL = env.text("REACTIONS_BASE_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
_IS_HTTPS = REACTIONS_BASE_URL.startswith("https://")
ALLOWED_HOSTS = env.strings("ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
CSRF_TRUSTED_ORIGINS = [REACTIONS_BASE_URL]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "guardian",
    "django_q",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "csp",
    "accounts",
    "triggers",
    "actions",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "reactions_project.api.middleware.NoStore",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "reactions_project.urls"
WSGI_APPLICATION = "reactions_project.wsgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "actions.context_processors.pauses",
            ],
        },
    }
]

# Deferred transactions on SQLite fail at once when a reader becomes a writer (1,201 of 1,600 in a measurement);
# IMMEDIATE ones wait, for up to 20 s: with 1 s, up to 32 requests failed in 5 s under load. WAL, so that pages
# are read while workers write. FULL, because "accepted" must survive a power cut. 128 MB of the file are mapped and
# 20 MB of pages kept for each connection: the indexes of some hundred thousand runs.
_SQLITE = {
    "ENGINE": "reactions_project.sqlite",
    "NAME": DATA_DIR / "reactions.sqlite3",
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous={env.text('REACTIONS_SQLITE_SYNCHRONOUS', 'FULL')};"
            " PRAGMA mmap_size=134217728; PRAGMA cache_size=-20000;"
        ),
    },
    # Opening a file costs more than asking it.
    "CONN_MAX_AGE": None,
}
DATABASES: dict[str, Any]
if EMBEDDED:
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    DATABASES = {"default": _SQLITE}
else:
    # Connections are kept: with a new one for each request a third as many were answered. For ten minutes, so that a
    # server that moved is found again. No pool: workers fork, and a forked pool hangs (reactions_project/checks.py).
    DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=600, conn_health_checks=True)}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    ),
    # What django-q2 keeps in a cache; of its statistics nothing, ours are heartbeat rows.
    "queue": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "queue"},
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "reaction-list"
LOGOUT_REDIRECT_URL = "sign-in"
CSRF_FAILURE_VIEW = "reactions_project.pages.csrf_failure"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
# WhiteNoise complains of a folder that is not there; it stays empty where nobody collects static files.
STATIC_ROOT.mkdir(mode=0o700, parents=True, exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "reactions_project" / "static"]
WHITENOISE_USE_FINDERS = True

# SEC-71. Secure cookies and HSTS follow from the public address, so that a laptop on http still signs in.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if _IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _IS_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("REACTIONS_BEHIND_TLS_PROXY") else None
SECURE_REDIRECT_EXEMPT = [r"^health/"]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "worker-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# SEC-31, which says 1 MiB: a body one byte over the limit is refused before Django would read it whole.
REACTIONS_MAX_BODY_BYTES = env.integer("REACTIONS_MAX_BODY_BYTES", 1_048_576)
DATA_UPLOAD_MAX_MEMORY_SIZE = REACTIONS_MAX_BODY_BYTES
# SEC-90: room for a day's backlog of a busy team, and 100 MB of disk.
REACTIONS_QUEUE_CEILING = env.integer("REACTIONS_QUEUE_CEILING", 200_000)
# SEC-90. One a second is more than people and builds bring about; who sends more has its operator raise it.
REACTIONS_TRIGGER_RATE_PER_MINUTE = env.integer("REACTIONS_TRIGGER_RATE_PER_MINUTE", 60)
# SEC-33: senders repeat for some days.
REACTIONS_DELIVERY_DAYS = 7
# SEC-94, on SQLite only.
REACTIONS_LEAST_FREE_PERCENT = env.integer("REACTIONS_LEAST_FREE_PERCENT", 5)
# None: an address that a stranger may write into a header is no address (SEC-14).
REACTIONS_TRUSTED_PROXIES = env.strings("REACTIONS_TRUSTED_PROXIES")

# Empty is what the PATH has.
REACTIONS_PWSH = env.text("REACTIONS_PWSH")
# SEC-51: off only when somebody says so.
REACTIONS_SCRIPT_SANDBOX = env.text("REACTIONS_SCRIPT_SANDBOX", "bwrap")
# 0 is as many as there are cores: scripts compute, and more of them would only wait for each other.
REACTIONS_SCRIPT_SLOTS = env.integer("REACTIONS_SCRIPT_SLOTS", 0)
# What a script leaves on disk, and the sockets of wake-ups, belong to this host: local disks, even if the data is not.
REACTIONS_SCRIPT_WORK_DIR = Path(env.text("REACTIONS_SCRIPT_WORK_DIR", str(DATA_DIR / "scripts")))
REACTIONS_RUN_DIR = Path(env.text("REACTIONS_RUN_DIR", str(DATA_DIR / "run")))
# One process keeps a core busy; more are for hosts with more cores.
REACTIONS_WORKERS = env.integer("REACTIONS_WORKERS", 1, minimum=1)
REACTIONS_ALLOW_PRIVATE_ADDRESSES = env.text("REACTIONS_ALLOW_PRIVATE_ADDRESSES")
# The demo's stand-in for a monitoring system, which `serve --demo` starts beside the server.
REACTIONS_DEMO_MONITOR_URL = env.text("REACTIONS_DEMO_MONITOR_URL", f"http://127.0.0.1:{PORT + 1}")
# How soon a lost worker's runs go on; renewed three times as often, so that a slow moment loses none.
REACTIONS_LEASE_SECONDS = env.integer("REACTIONS_LEASE_SECONDS", 15, minimum=3)
if not EMBEDDED:
    _NEXT_TRY = max(2, REACTIONS_LEASE_SECONDS // 3)
    DATABASES["default"]["OPTIONS"] = {
        # Of a host that was cut off in the middle of a transaction, PostgreSQL would keep the locks for hours, and
        # nobody else could take over the runs that it held. What is prepared is planned once: with lists for values it
        # would plan anew each time, which takes longer than the rest (1.3 of 1.5 ms for whoever listens to an event).
        "options": f"-c idle_in_transaction_session_timeout={REACTIONS_LEASE_SECONDS * 1_000}"
        " -c plan_cache_mode=force_generic_plan",
        # And that host would wait for a quarter of an hour for a server that is gone without a word, or for ever when
        # it had sent its question already: it shall find another way before its leases have ended.
        "connect_timeout": _NEXT_TRY,
        "tcp_user_timeout": REACTIONS_LEASE_SECONDS * 1_000,
        "keepalives_idle": _NEXT_TRY,
        "keepalives_interval": _NEXT_TRY,
        "keepalives_count": 2,
        # Without it nothing is prepared: of how often the same is asked, five times is psycopg's own default.
        "prepare_threshold": 5,
        **DATABASES["default"].get("OPTIONS", {}),
    }
# Runs for a quarter's review; decisions, of which there are ten times as many, for the question of last week.
REACTIONS_RETENTION_DAYS = env.integer("REACTIONS_RETENTION_DAYS", 90, minimum=1)
REACTIONS_DECISION_RETENTION_DAYS = env.integer("REACTIONS_DECISION_RETENTION_DAYS", 14, minimum=1)
# SEC-91
REACTIONS_CHAIN_DEPTH = 5
REACTIONS_RUNS_PER_ROOT = 100

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiKeyAuthentication",
        "accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["reactions_project.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "reactions_project.api.pagination.LedgerPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "reactions_project.api.problems.problem_response",
    # A few screens, and one quick query.
    "PAGE_SIZE": 50,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Reactions",
    "DESCRIPTION": "When a trigger happens, only if a filter passes, then an action runs.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/",
}

# One entry per cluster; without an entry its name would be an error at start-up. See reactions_project/queue.py.
# save_limit -1: our Run rows are the history. recycle: about two hours of slices, since each new worker means a moment
# in which nothing is claimed; the former one finishes beside it. max_rss, in kB: three times what a worker needs.
# timeout: longer than any slice, so that only a blocked process is replaced; retry: longer than that. guard_cycle: how
# soon a worker that left or was killed is replaced. No scheduler: housekeeping has it.
_SLICES = {
    "broker_class": "reactions_project.queue.SliceBroker",
    "save_limit": -1,
    "recycle": 7_200,
    "max_rss": 300_000,
    "timeout": 30,
    "retry": 60,
    "guard_cycle": 0.5,
    "scheduler": False,
}
# Housekeeping: one task every few minutes, at most a minute long, so two seconds between looks are soon enough, and one
# at a time, so that none grows old in a queue. At most three times, or a task that fails would be repeated for ever; 50
# results, as something to look at in the admin.
Q_CLUSTER = {
    "name": "housekeeping",
    "orm": "default",
    "workers": 1,
    "queue_limit": 1,
    "bulk": 1,
    "poll": 2,
    "timeout": 60,
    "retry": 120,
    "max_attempts": 3,
    "save_limit": 50,
    "guard_cycle": 1,
    "cache": "queue",
    "label": "Queue internals",
    "ALT_CLUSTERS": {
        "http": {**_SLICES, "workers": REACTIONS_WORKERS, "queue_limit": REACTIONS_WORKERS},
        # One process starts all scripts of a host; REACTIONS_SCRIPT_SLOTS is their number.
        "scripts": {**_SLICES, "workers": 1, "queue_limit": 1},
    },
}

# Ours tell what an operator wants to know of every day, libraries only what is wrong.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("REACTIONS_LOG_LEVEL", "WARNING")},
    "loggers": {
        "reactions": {"level": env.text("REACTIONS_LOG_LEVEL", "INFO")},
        "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}
