"""Everything that can go wrong for a user, as one tree.

    FieldmateError                 exit code
    ├── UsageError                 2   the command or its arguments do not fit
    ├── InputError                 3   a file or setting is wrong
    │   ├── SettingsError
    │   ├── UnreadableDocument         this file cannot become a document; the others go on
    │   └── StorageError               a folder is missing, read-only or full
    ├── ModelError                 4   a model is missing or damaged
    │   ├── ModelMissing
    │   ├── ModelDamaged
    │   └── ModelUnavailable           no source of the catalogue could be reached
    ├── KnowledgeBaseError         5   the knowledge base is busy or damaged
    │   ├── KnowledgeBaseBusy
    │   ├── KnowledgeBaseDamaged
    │   └── KnowledgeBaseTooNew        written by a newer version
    └── Busy                       5   as many questions wait as are taken

Each message is one sentence of fact that ends with the next step. A programmer's error (a broken contract, a bug) is
never a `FieldmateError`: it surfaces as it is and the command line maps it to 70.
"""

from __future__ import annotations

from typing import ClassVar


class FieldmateError(Exception):
    """The root of the errors that a user can do something about."""

    exit_code: ClassVar[int] = 70


class UsageError(FieldmateError):
    """The command or its arguments do not fit."""

    exit_code = 2


class InputError(FieldmateError):
    """A file or setting is wrong."""

    exit_code = 3


class SettingsError(InputError):
    """A settings file, environment variable or flag holds a wrong or unknown value."""


class UnreadableDocument(InputError):
    """A file cannot become a document."""


class StorageError(InputError):
    """A folder or disk does not take what must be written."""


class ModelError(FieldmateError):
    """A model is missing or damaged."""

    exit_code = 4


class ModelMissing(ModelError):
    """The model is not on this machine."""


class ModelDamaged(ModelError):
    """The model's bytes are not those that its catalogue entry or manifest names."""


class ModelUnavailable(ModelError):
    """No source of the catalogue could be reached or held the right bytes."""


class KnowledgeBaseError(FieldmateError):
    """The knowledge base is busy or damaged, or was made for another embedder."""

    exit_code = 5


class KnowledgeBaseBusy(KnowledgeBaseError):
    """Another process holds the knowledge base for longer than the wait allowed."""


class KnowledgeBaseDamaged(KnowledgeBaseError):
    """The database cannot be read as one."""


class KnowledgeBaseTooNew(KnowledgeBaseError):
    """The database was written by a newer version of Fieldmate."""


class Busy(FieldmateError):
    """As many questions wait for this process as it takes."""

    exit_code = 5
