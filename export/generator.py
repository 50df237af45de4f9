"""Makes generator artifacts: source -> files -> measured -> gates -> report, and a manifest last for each that passed.

Orchestrates and knows the order; knows no model library, no measurement and no command line. Everything appears in the
output folder at once, so an interruption at any point leaves there what was there before.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from export import environments, files, generator_gguf, generator_sources, generator_tflite, report
from export.checkpoints import LICENCE_FILES
from export.environments import Progress
from export.errors import QualityError, SourceError
from export.generator_job import Job, Options
from export.gguf import types

MAKERS = {"gguf": generator_gguf.make, "tflite": generator_tflite.make}
"""By format: writes report and artifacts into a folder and returns why which of them are not there."""


def export_generator(source: str, options: Options, progress: Progress) -> Path:
    """Write report and artifacts below `options.out` and return it.

    Raises an ExportError; a QualityError after everything that passed its gates has been published.
    """
    make = MAKERS[options.format]
    _check_options(options)
    out = options.out.resolve()
    with _working(out) as scratch:
        job = _job(source, options, scratch, progress)
        _check_out(job, out)
        with files.publishing(out, _lock_of(out, "publish")) as folder:
            refused = make(job, folder)
    if refused:
        first, reason = next(iter(refused.items()))
        others = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        raise QualityError(
            f"Not published: {first} ({reason}){others}; the report in {out} shows all of them, and "
            "--max-perplexity-increase and --min-agreement move the limits."
        )
    return out


def _check_options(options: Options) -> None:
    report.check_plotting()
    types.parse(options.types)
    for path in (options.text, options.calibration, options.questions, *options.documents, *options.beside):
        if path is not None and not path.exists():
            raise SourceError(f"There is no {path}; name an existing file.")
    if (options.questions is None) != (not options.documents):
        raise SourceError("--questions and --documents belong together; name both or none.")
    for path, option in ((options.text, "--text"), (options.calibration, "--calibration")):
        try:
            if path is not None:
                path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError) as exc:
            raise SourceError(f"{path} is no UTF-8 text; name another one with {option}.") from exc


def _job(source: str, options: Options, scratch: Path, progress: Progress) -> Job:
    found = generator_sources.resolve(source, scratch, progress, models=options.models, base=options.base)
    licence = options.licence or found.licence
    if licence is None:
        raise SourceError(f"The licence of {found.name} is not known; name it with --licence SPDX-ID.")
    name = options.name or found.name
    taken = sorted({f"{name}-{kind}" for kind in types.TYPES} & generator_sources.catalogue_names())
    asked = {f"{name}-{kind.name}" for kind in types.parse(options.types)}
    if options.format == "gguf" and asked.intersection(taken):
        clash = min(asked.intersection(taken))
        raise SourceError(f"{clash} is the catalogue's name for another file; name yours with --name.")
    return Job(found, name, licence, options, scratch, progress)


def _check_out(job: Job, out: Path) -> None:
    """Raise SourceError unless the output folder may be replaced: it is new, or holds only what an export wrote."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise SourceError(f"{out} is not a folder; name another one with --out.")
    if not out.exists():
        return
    artifacts = {job.ident(kind) for kind in (*types.TYPES, "int8")}
    for path in sorted(out.iterdir()):
        if path.name in artifacts and path.is_dir():
            names = {f"{path.name}.gguf", f"{path.name}.litertlm", files.MANIFEST} | LICENCE_FILES
            files.check_target(path, force=True, ours=frozenset(names))
        elif path.name not in (report.REPORT, report.TABLE) and not path.match("plot-*.svg"):
            raise SourceError(f"{out} holds other files ({path.name}); name another folder with --out.")
    if any(out.iterdir()) and not job.options.force:
        raise SourceError(f"{out} already holds an export; replace it with --force or name another folder with --out.")


@contextmanager
def _working(out: Path) -> Iterator[Path]:
    """Yield an empty folder beside `out` that is gone afterwards; what a killed run left there is removed first."""
    scratch, lock = out.with_name(f".{out.name}.work"), _lock_of(out, "work")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _lock_of(out: Path, purpose: str) -> Path:
    key = hashlib.sha256(os.fspath(out).encode()).hexdigest()[:16]
    return environments.home() / "locks" / f"{purpose}-{key}.lock"
