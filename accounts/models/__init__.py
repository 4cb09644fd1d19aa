from accounts.models.api_key import ApiKey, KeyBase, RunToken
from accounts.models.audit import AuditEntry
from accounts.models.numbering import Counter
from accounts.models.project import Project, ProjectGroupObjectPermission, ProjectShare, ProjectUserObjectPermission
from accounts.models.secret import Secret
from accounts.models.sharing import Shareable
from accounts.models.sign_in import SignInFailure
from accounts.models.team import Membership, Role, Team, TeamRole
from accounts.models.user import User

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Counter",
    "KeyBase",
    "Membership",
    "Project",
    "ProjectGroupObjectPermission",
    "ProjectShare",
    "ProjectUserObjectPermission",
    "Role",
    "RunToken",
    "Secret",
    "Shareable",
    "SignInFailure",
    "Team",
    "TeamRole",
    "User",
]
