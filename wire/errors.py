"""The errors that may cross a package boundary, sorted by who was wrong.

A peer was wrong: DecodeError (and its child VerificationError), counted and dropped. The operator was wrong:
ConfigError, refuse to start. The world was wrong: ShellError, which becomes an event and the core decides.
A rule that says no is not an error but a value, and a mistake of our own is an assertion.
"""


class DecodeError(ValueError):
    """Bytes from a peer are not what they should be; the text says what was expected, what was found and where."""


class VerificationError(DecodeError):
    """A signature, proof or attestation does not hold. Raised, never returned, so that nobody can ignore it."""


class ConfigError(ValueError):
    """The operator's settings cannot be accepted; the text reads `file: section.key: reason`."""


class ShellError(Exception):
    """Something outside of us failed: the kernel, the broker, the TPM, a disk."""

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(f"{what}: {detail}")
        self.what = what
        self.detail = detail
