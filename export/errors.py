"""What can go wrong in an export. Knows nothing of the command line but the exit codes.

    ExportError                 one sentence that ends with the next step
    ├── SourceError        (3)  the named source, folder or option cannot be used
    ├── ToolchainError     (3)  a toolchain's environment cannot be created or used here
    ├── DamagedModelError  (4)  the weights are missing, truncated or not the pinned ones
    └── ConversionError    (4)  the toolchain ran and did not produce a usable model
        └── QualityError   (4)  an artifact was made, measured, and is too far from its reference

The number is the exit code.
"""


class ExportError(Exception):
    """An export cannot go on, for a reason that its user can act on."""

    exit_code = 3
    """Exit status of the command."""


class SourceError(ExportError):
    """The named source, output folder or option cannot be used."""


class ToolchainError(ExportError):
    """A toolchain's environment cannot be created or used on this machine."""


class DamagedModelError(ExportError):
    """The weights are missing, truncated or not the ones that the catalogue pins."""

    exit_code = 4


class ConversionError(ExportError):
    """The toolchain ran and did not produce a usable model."""

    exit_code = 4


class QualityError(ConversionError):
    """An artifact was made, measured, and is too far from its reference to be used."""
