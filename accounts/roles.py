"""The permission matrix, once: who may do what to which kind of object (SEC-01). Pure.

Letters are the requirement's own: c create, r read, u update, d delete, x run/test/deliver/cancel, p replay,
b bind into an action, m metadata only, o own only. Rows below the line are ours, for objects that the
requirement does not list.
"""

from enum import StrEnum


class Verb(StrEnum):
    CREATE = "c"
    READ = "r"
    UPDATE = "u"
    DELETE = "d"
    RUN = "x"
    REPLAY = "p"
    BIND = "b"
    METADATA = "m"


_COLUMNS = (
    "operator",
    "owner",
    "author",
    "editor",
    "viewer",
    "outsider",
    "anonymous",
    "trigger",
    "read",
    "write",
    "run",
)
ROLE_COLUMNS = ("owner", "author", "editor", "viewer")
KEY_SCOPES = ("read", "write", "run")

_TABLE = """
team            crud    ru      r       r       r       -  -  -  r  r    -
project         crud    crud    r       r       r       -  -  -  r  r    -
endpoint        crudx   crudx   crudx   crudx   r       -  -  x  r  cru  -
reaction        crudxp  crudxp  crudxp  crudxp  r       -  -  -  r  cru  xp
http_action     crudx   crudx   crudx   crudx   r       -  -  -  r  cru  x
script_action   crudx   rdx     crudx   rx      r       -  -  -  r  r    x
secret          cudmb   cudmb   mb      mb      m       -  -  -  m  m    -
connection      cudmxb  cudmxb  mxb     mxb     m       -  -  -  m  m    -
event_payload   r       r       r       r       m       -  -  -  r  -    -
run_log         r       r       r       r       r       -  -  -  r  -    r
api_key         md      ocmd    ocmd    ocmd    ocmd    -  -  -  -  -    -
audit_log       r       r       -       -       -       -  -  -  -  -    -
run             rxp     rxp     rxp     rxp     r       -  -  -  r  -    rxp
decision        r       r       r       r       r       -  -  -  r  -    r
catalog         crud    crud    crud    crud    r       -  -  -  r  cru  -
environment     crud    cr      r       r       r       -  -  -  r  cr   -
machine         crud    cr      cr      cr      r       -  -  -  r  cr   -
"""

MATRIX: dict[str, dict[str, frozenset[str]]] = {
    kind: {column: frozenset(cell.replace("-", "")) for column, cell in zip(_COLUMNS, cells, strict=True)}
    for kind, *cells in (line.split() for line in _TABLE.strip().splitlines())
}

# Belonging to no project.
SPACE_KINDS = frozenset({"team", "environment", "machine", "api_key"})

# What the script of a run may do in its reaction's project: read, and drive the catalogue; never change a
# definition, never run or replay (SEC-53 "at most the reaction's rights", SEC-91).
RUN_TOKEN: dict[str, frozenset[str]] = {
    "project": frozenset("r"),
    "catalog": frozenset("cru"),
    "environment": frozenset("r"),
    "machine": frozenset("r"),
    "event_payload": frozenset("r"),
    "run": frozenset("r"),
    "decision": frozenset("r"),
    "reaction": frozenset("r"),
}


def roles_with(kind: str, verb: str) -> frozenset[str]:
    """The team roles that may; e.g. roles_with("script_action", "c") is {"author"}."""
    return frozenset(role for role in ROLE_COLUMNS if verb in MATRIX[kind][role])


def operator_may(kind: str, verb: str) -> bool:
    return verb in MATRIX[kind]["operator"]


def scopes_allow(kind: str, verb: str, scopes: frozenset[str]) -> bool:
    """Whether any of a key's scopes has the verb; the holder's own right is asked besides.

    A scope that keys cannot have, such as the name of a role, gives nothing. A key that may read may know of what its
    holder may know of.
    """
    cells = frozenset().union(*(MATRIX[kind][scope] for scope in scopes if scope in KEY_SCOPES))
    return verb in cells or (verb == Verb.METADATA and Verb.READ in cells)


def capped(role: str, cap: str) -> str:
    """The strongest role that holds no right which either of the two lacks. Owner and author do not nest: what both
    may do is what an editor may."""
    if role == cap:
        return role
    return "viewer" if "viewer" in (role, cap) else "editor"
