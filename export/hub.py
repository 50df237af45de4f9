"""Fetches a model's files from the model hub, or from whatever HF_ENDPOINT names. Knows no conversion.

Files are kept below the exporter's home, so a cut download goes on where it ended. Nothing but weights in safetensors
and the texts that a converter needs is asked for.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export import environments, generator_checks
from export.environments import Progress
from export.errors import DamagedModelError, SourceError

DEFAULT_REVISION = "main"
SPDX = {
    "apache-2.0": "Apache-2.0", "mit": "MIT", "gemma": "Gemma", "bsd-3-clause": "BSD-3-Clause", "isc": "ISC",
    "cc-by-4.0": "CC-BY-4.0", "cc-by-sa-4.0": "CC-BY-SA-4.0", "cc-by-nc-4.0": "CC-BY-NC-4.0", "mpl-2.0": "MPL-2.0",
}  # fmt: skip
"""The hub's names of licences -> SPDX identifiers; what is not here has to be said by --licence."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One revision of a model, on this machine."""

    folder: Path
    licence: str | None
    """SPDX identifier by the model's card, None where it names none that we know."""
    provenance: dict[str, Any]
    """Repository and commit."""


def fetch(name: str, progress: Progress) -> Snapshot:
    """Return the files of the model OWNER/NAME or OWNER/NAME@REVISION.

    Raises SourceError when there is no such model or its weights are pickles, DamagedModelError when the hub cannot
    be reached or does not give the files.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    (repository, _, revision), endpoint = name.partition("@"), os.environ.get("HF_ENDPOINT")
    try:
        info = HfApi(endpoint=endpoint).model_info(repository, revision=revision or DEFAULT_REVISION)
        files = [each.rfilename for each in info.siblings or ()]
        generator_checks.refuse_pickles(files, name)
        progress(f"Fetching {name} …")
        wanted = [*sorted(generator_checks.TEXTS), "*.safetensors"]
        folder = snapshot_download(
            repository, revision=info.sha, allow_patterns=wanted, endpoint=endpoint,
            cache_dir=environments.home() / "sources" / "hub",
        )  # fmt: skip
    except HfHubHTTPError as exc:
        code = exc.response.status_code if exc.response is not None else "?"
        raise SourceError(
            f"The hub does not give {name} (it answered {code}); check the name, or log in if the model is gated."
        ) from exc
    except HFValidationError as exc:
        raise SourceError(f"{name} is no name of a model; write it as OWNER/NAME.") from exc
    except (LocalEntryNotFoundError, OSError) as exc:
        raise _unreachable(name, exc) from exc
    except Exception as exc:
        # The library's transport has errors of its own, which are not part of its interface.
        if type(exc).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2", "requests"):
            raise _unreachable(name, exc) from exc
        raise
    return Snapshot(Path(folder), _licence(info), {"hub": repository, "revision": info.sha})


def _unreachable(name: str, exc: BaseException) -> DamagedModelError:
    lines = str(exc).strip().splitlines() or [type(exc).__name__]
    return DamagedModelError(
        f"{name} could not be fetched ({lines[0].rstrip('.')}); "
        "check the network and run again, or name a folder that holds the model."
    )


def _licence(info: Any) -> str | None:
    card = getattr(info, "card_data", None)
    named = card.get("license") if card is not None else None
    tags = [tag.removeprefix("license:") for tag in info.tags or () if tag.startswith("license:")]
    return SPDX.get(str(named or (tags[0] if tags else "")).lower())
