"""What can go wrong in the operator, and whose fault it is.

OperatorError
├── InvalidObjectError     an object that cannot run; its author reads the reason in a condition
├── ClusterError           an API server's answer that is not a success
│   ├── ClusterAwayError   no answer: network, timeout, or a 5xx; try again later, change nothing
│   │   └── CertificateRefusedError  its certificate is not of the authority that we were given
│   ├── AccessDeniedError  403, or no way in: RBAC or credentials, for the region's administrator
│   │   ├── CredentialsRefusedError  401: expired, revoked or of another cluster
│   │   └── PluginFailedError        a ClusterProfile's credential plugin gave none
│   │       └── PluginMissingError   the plugin is not there
│   ├── ConflictError      409: somebody was faster; read again
│   ├── NotThereError      404
│   ├── GoneError          410: a watch's place in history is gone; list again
│   ├── BusyError          429: come back after `after_s`
│   └── RejectedError      400, 413 or 422: our own manifest, or the cluster's admission, refuses it
├── DefinitionsChangedError  definitions that the watches began on are gone; this process must be started anew
└── LeaseLostError         another replica leads; this process must end
"""


class OperatorError(Exception):
    """Whatever the operator can name."""


class InvalidObjectError(OperatorError):
    """An object cannot run; the message says where and what to do."""

    def __init__(self, message: str, *, reason: str = "Invalid") -> None:
        """Keep the reason of the condition."""
        super().__init__(message)
        self.reason = reason


class ClusterError(OperatorError):
    """An API server did not do what was asked."""

    reason = "NoAnswer"  # of a region that is lost by it


class ClusterAwayError(ClusterError):
    """No answer that says anything about the object."""


class CertificateRefusedError(ClusterAwayError):
    """Whoever answers there does not prove to be the API server."""

    reason = "CertificateRefused"


class AccessDeniedError(ClusterError):
    """The credentials do not allow this, or there are none."""

    reason = "AccessDenied"


class CredentialsRefusedError(AccessDeniedError):
    """The API server does not know who asks."""

    reason = "CredentialsRefused"


class PluginFailedError(AccessDeniedError):
    """A credential plugin gave no credential; the message never has what it printed."""

    reason = "PluginFailed"


class PluginMissingError(PluginFailedError):
    """A credential plugin is not there, or is no program."""

    reason = "PluginMissing"


class ConflictError(ClusterError):
    """The object has changed since it was read."""


class NotThereError(ClusterError):
    """There is no such object, or no such kind."""


class GoneError(ClusterError):
    """The history that the watch wants is gone."""


class BusyError(ClusterError):
    """The API server asks for patience."""

    def __init__(self, message: str, *, after_s: float) -> None:
        """Keep how long it asks for."""
        super().__init__(message)
        self.after_s = after_s


class RejectedError(ClusterError):
    """The API server refuses the object."""


class DefinitionsChangedError(OperatorError):
    """The kinds that are watched are gone from the hub, or others have taken their names."""

    def __init__(self, what: str) -> None:
        """Say what happened and what comes of it."""
        super().__init__(f"{what}: its watch cannot go on; started anew, the operator waits for what is missing")


class LeaseLostError(OperatorError):
    """Another replica leads now."""
