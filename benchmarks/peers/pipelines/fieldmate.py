"""Fieldmate in the same harness as the pipelines beside it: its public surface, with its default settings."""

import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


class Pipeline:
    """See the package's docstring."""

    VERSIONS = ("llama-cpp-python", "onnxruntime")
    DOCUMENTS = "its own readers"

    def __init__(self, config):
        self._config = config
        self._assistant = None
        self.said = {}

    def stated(self):
        """Settings that matter; the others are the defaults."""
        return self._config["settings"]

    def open(self):
        """The assistant."""
        if self._assistant is None:
            from assistant import Assistant
            from assistant.settings import load

            self._assistant = Assistant.open(
                load(flags={"data_dir": self._config["store"], "models_dir": self._config["models"],
                            **self._config["settings"]})
            )  # fmt: skip
        return self._assistant

    def load_embedder(self):
        """Load it by adding a line, as nothing else does."""
        line = Path(self._config["store"]).with_suffix(".txt")
        line.write_text("The embedder is loaded by the first document.\n", "utf-8")
        self.open().add([line])

    def ingest(self, documents):
        """Add; returns passages."""
        return self.open().add([documents]).passages

    def texts(self, folder):
        """Write the stored text of each document into `folder`."""
        assistant = self.open()
        for number, record in enumerate(assistant.documents()):
            found = assistant.document(record.name)
            (Path(folder) / f"document-{number:04d}.txt").write_text(found[1] if found else "", "utf-8")

    def ask(self, question):
        """The answer's text as it comes; what it is besides text goes into `said`."""
        from assistant.types import AnswerDone, TextDelta

        self.said = {}
        for event in self.open().ask(question):
            if isinstance(event, TextDelta):
                yield event.text
            elif isinstance(event, AnswerDone):
                answer = event.answer
                self.said = {"status": answer.status, "first_token_ms": answer.timings.first_token}

    def distributions(self):
        """Names of what the runtime needs, directly or not."""
        from packaging.requirements import Requirement

        declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
        wanted, found = [Requirement(text) for text in declared], set()
        while wanted:
            name = wanted.pop().name.lower().replace("_", "-")
            if name in found:
                continue
            found.add(name)
            try:
                needs = [Requirement(text) for text in metadata.requires(name) or ()]
            except metadata.PackageNotFoundError:
                continue
            wanted += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
        return found

    def own_bytes(self):
        """Bytes of the package itself, without models."""
        return sum(path.stat().st_size for path in (ROOT / "assistant").rglob("*") if path.is_file())
