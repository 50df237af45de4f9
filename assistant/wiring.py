"""Settings become a working assistant: the one place that knows which class serves which format.

The only importer of `assistant.engines`, and lazily: nothing is loaded that a command does not use. No engine stands in
for another; what cannot be loaded is an error. Parts are imported where they are made as well: the generator is loaded
beside those imports, and they take as long as it does.
"""

from __future__ import annotations

import os
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assistant import tuning
from assistant.artifacts.catalogue import load_catalogue
from assistant.artifacts.library import Artifact, ModelLibrary
from assistant.artifacts.manifest import MANIFEST
from assistant.errors import KnowledgeBaseError, ModelDamaged, ModelError, ModelMissing, StorageError, UsageError
from assistant.loading import Ahead
from assistant.tuning import Choice, Found

if TYPE_CHECKING:
    from assistant.answering.answerer import Answerer
    from assistant.artifacts.catalogue import Recipe
    from assistant.artifacts.optimizing import Tool
    from assistant.artifacts.progress import Report
    from assistant.cluster.adding import ClusterAdder
    from assistant.cluster.work import Model
    from assistant.ingest.adding import Adder
    from assistant.protocols import Embedder, Generator
    from assistant.retrieval.search import Retriever
    from assistant.settings import Settings
    from assistant.states.store import FileStates
    from assistant.store.database import Store
    from assistant.store.index import VectorIndex
    from assistant.store.lexical_index import LexicalIndex

GENERATORS = {
    "gguf": "assistant.engines.llama:LlamaGenerator",
    "litertlm": "assistant.engines.litert:LitertGenerator",
}
EMBEDDERS = {"onnx": "assistant.engines.onnx:OnnxEmbedder"}
"""Artifact format -> "module:Class" of the engine that executes it."""

Wording = Literal["mixed", "quoted", "generated"]

_CORES_TO_LOAD_AHEAD = 2
"""With one, a thread beside the others only takes turns with them."""
_WARM_UP = "What does the manual say?"
"""Asked before the first question; its words are in most knowledge bases, and its answer is not looked at."""

_BATCH_TOKENS = 512
"""llama.cpp's own default."""
_FEW_CORES = 2
_SPINS = 10_000
"""Of a waiting thread where half of the cores write: well below a millisecond (benchmarks/LOG.md)."""

_SEARCHING = ("answerer", "retriever", "lexical", "index")
"""Parts that stand on the embedder that serves, those that hold others first."""


class Parts:
    """The parts of one assistant, each made when it is first asked for."""

    def __init__(self, settings: Settings, *, cautious: bool = True) -> None:
        """Without `cautious` each question is answered, however weak the evidence: only for calibrating."""
        self.settings = settings
        self._cautious = cautious

    @cached_property
    def library(self) -> ModelLibrary:
        """The models on this machine."""
        return ModelLibrary(self.settings.models, load_catalogue())

    def store(self, *, create: bool) -> Store:
        """The knowledge base; opened once, made when `create` and there is none.

        A folder that cannot be written is opened for reading only, so that a kiosk may run from a read-only disk.
        """
        if "_store" not in self.__dict__:
            from assistant.store.database import Store

            path = self.settings.database
            if create:
                _make_folder(path.parent)
            read_only = not create and path.exists() and not os.access(path.parent, os.W_OK)
            self._store = Store.open(
                path, create=create, busy_timeout=self.settings.store.busy_timeout_s, read_only=read_only
            )
        return self._store

    @cached_property
    def embedder(self) -> Embedder:
        """The embedder of the settings, loaded: what documents are added with."""
        return self._loaded(self.library.installed(self.settings.embedder.id, "embedder"))

    @property
    def chosen(self) -> str:
        """Fingerprint of the embedder of the settings, which is not loaded for that."""
        if "embedder" in self.__dict__:
            return self.embedder.fingerprint
        return _fingerprint(self.library.installed(self.settings.embedder.id, "embedder"))

    @cached_property
    def serving(self) -> Embedder:
        """The embedder that questions are asked with: the one whose vectors are live.

        After another one has been chosen in the settings this is the former one, until a sync has done the change.

        Raises:
            KnowledgeBaseError: that one is not on this machine any more.
        """
        live = self.store(create=False).live
        if live is None or live == self.chosen:
            return self.embedder
        name = live.rpartition(":")[0]
        try:
            artifact = self.library.installed(name, "embedder")
        except (ModelError, UsageError) as exc:
            raise _not_here(name, self.settings.embedder.id) from exc
        if _fingerprint(artifact) != live:
            raise _not_here(name, self.settings.embedder.id)
        return self._loaded(artifact)

    def follow_change(self) -> None:
        """Go over to another embedder if its vectors have become the live ones since the last question."""
        if "serving" in self.__dict__ and self.store(create=False).live not in (None, self.serving.fingerprint):
            for name in _SEARCHING:
                self.__dict__.pop(name, None)
            former = self.__dict__.pop("serving")
            if former is not self.__dict__.get("embedder"):
                former.close()

    def _loaded(self, artifact: Artifact) -> Embedder:
        settings, manifest = self.settings.embedder, artifact.manifest
        for fact in ("dimensions", "max_tokens", "pooling"):
            if getattr(manifest, fact) is None:
                raise ModelDamaged(
                    f"The manifest of the embedder {artifact.id} does not say its {fact}; add that to "
                    f"{artifact.folder / MANIFEST}."
                )
        engine: Embedder = _engine(EMBEDDERS, artifact)(
            artifact.path,
            _fingerprint(artifact),
            dimensions=manifest.dimensions,
            max_tokens=manifest.max_tokens,
            pooling=manifest.pooling,
            threads=settings.threads or cores(),
        )
        return engine

    @cached_property
    def generator(self) -> Generator:
        """The generator, loaded; waits for the loading that `load_ahead` began."""
        ahead: Ahead[Generator] | None = self.__dict__.pop("_ahead", None)
        return ahead.result() if ahead is not None else self._loaded_generator()

    def load_ahead(self, question: str = "") -> None:
        """Begin to load the generator in a thread, where `question` may need it and another core is free for that.

        What goes wrong in it is raised by whoever asks for `generator`; `close` waits for its end.
        """
        begun = "_ahead" in self.__dict__ or "generator" in self.__dict__
        if begun or cores() < _CORES_TO_LOAD_AHEAD or not self.settings.database.exists():
            return
        if self.wording == "generated" or (self.wording == "mixed" and not _quoted(question)):
            _ = self.library, self.states  # made here: two threads would make two
            self._ahead = Ahead(self._loaded_generator)

    def load(self) -> None:
        """Make all that a question needs and use it once; what the generator computes for it serves the next ones."""
        from assistant.answering.confidence import calibration
        from assistant.types import Prompt

        self.load_ahead()
        self.follow_change()
        self.retriever.search(_WARM_UP, 1)
        calibration()
        for front in self.answerer.instructions():
            for _ in self.generator.generate(Prompt(front, (), _WARM_UP), max_tokens=1):
                pass

    def _loaded_generator(self) -> Generator:
        return self.generator_with(self.choice, states=True)

    def generator_with(self, choice: Choice, *, states: bool = False) -> Generator:
        """Another one, run so; the caller's to close. It keeps states of passages only if told to."""
        artifact = self.library.installed(self.settings.generator.id, "generator")
        more: dict[str, Any] = {}
        if artifact.format == "gguf":
            # Read when llama.cpp is loaded, so that the first one in a process decides.
            os.environ.setdefault("GOMP_SPINCOUNT", str(choice.spins))
            more = {
                "batch_tokens": choice.batch_tokens,
                "origin": artifact.sha256,
                "states": self.states if states else None,
                "repaired_tokens": self.settings.states.repaired_tokens,
                "speculate": self.settings.generator.speculate,
            }
        engine: Generator = _engine(GENERATORS, artifact)(
            artifact.path,
            artifact.id,
            context_tokens=self.settings.generator.context_tokens,
            decode_threads=choice.decode_threads,
            prefill_threads=choice.prefill_threads,
            **more,
        )
        return engine

    @property
    def tuned(self) -> Found:
        """What was measured for this generator on this machine."""
        artifact = self.library.installed(self.settings.generator.id, "generator")
        return tuning.find(self.settings.home, artifact.sha256, cores())

    @property
    def choice(self) -> Choice:
        """How the generator is run: as the settings say, else as was measured best here, else as is built in."""
        settings, found = self.settings.generator, self.tuned.tuning
        choice = found.choice if found is not None else built_in(cores())
        return Choice(
            settings.decode_threads or choice.decode_threads,
            settings.prefill_threads or choice.prefill_threads,
            choice.batch_tokens,
            choice.spins,
        )

    @cached_property
    def states(self) -> FileStates | None:
        """Where states of passages are kept; None where the settings give them no room."""
        from assistant.states.store import FileStates

        folder, budget = self.settings.passage_states, self.states_budget
        return FileStates(folder, budget, space=self.settings.generator.id) if budget else None

    @property
    def states_budget(self) -> int:
        """Bytes that states of passages may take."""
        from assistant.states.store import default_budget

        megabytes = self.settings.states.budget_mb
        return default_budget(self.settings.passage_states) if megabytes is None else megabytes * 1_000_000

    @cached_property
    def index(self) -> VectorIndex:
        """Nearest vectors of the open store."""
        from assistant.store.index import VectorIndex

        return VectorIndex(
            self.store(create=False),
            self.serving.fingerprint,
            self.serving.dimensions,
            self.settings.index,
            exact_below=self.settings.retrieval.exact_below,
        )

    @cached_property
    def lexical(self) -> LexicalIndex:
        """Words of the open store."""
        from assistant.store.lexical_index import LexicalIndex

        return LexicalIndex(
            self.store(create=False), self.index.inventory, self.settings.index, self.serving.fingerprint
        )

    @cached_property
    def retriever(self) -> Retriever:
        """Search over the open store."""
        from assistant.retrieval.search import Retriever
        from assistant.retrieval.synonyms import Synonyms

        settings = self.settings.retrieval
        return Retriever(
            self.store(create=False),
            self.index,
            self.serving,
            words=self.lexical,
            candidates=settings.candidates,
            dense_weight=settings.dense_weight,
            synonyms=Synonyms.read(settings.synonyms) if settings.synonyms is not None else None,
        )

    @cached_property
    def adder(self) -> Adder:
        """Adds documents; makes the knowledge base where there is none."""
        return self.adder_to(self.store(create=True))

    def adder_to(self, store: Store) -> Adder:
        """Adds documents to another store than the open one."""
        from assistant.ingest.adding import Adder

        settings = self.settings.passages
        return Adder(
            store,
            self.embedder,
            max_tokens=settings.max_tokens,
            max_file_bytes=settings.max_file_mb * 1_000_000,
        )

    def adder_on(self, address: str) -> ClusterAdder:
        """Adds documents with the Ray cluster at `address`."""
        from assistant.cluster.adding import ClusterAdder, Sending
        from assistant.cluster.work import Model

        settings, embedder = self.settings.passages, self.embedder
        artifact = self.library.installed(self.settings.embedder.id, "embedder")
        model = Model(
            artifact.id,
            artifact.format,
            embedder.fingerprint,
            embedder.dimensions,
            embedder.max_tokens,
            str(artifact.manifest.pooling),
            tuple((file.path, file.sha256) for file in artifact.manifest.files),
        )
        return ClusterAdder(
            address,
            self.store(create=True),
            embedder,
            Sending(model, artifact.folder, load_sent),
            max_tokens=settings.max_tokens,
            max_file_bytes=settings.max_file_mb * 1_000_000,
        )

    @property
    def wording(self) -> Wording:
        """Who words answers: as the settings say, but for a generator that was measured to word facts badly."""
        wording = self.settings.answering.wording
        if wording != "mixed":
            return wording
        entry = self.library.catalogue.find(self.settings.generator.id)
        return "mixed" if entry is None or entry.words_facts else "quoted"

    @cached_property
    def answerer(self) -> Answerer:
        """Makes answers; loads the generator at the first question that needs it."""
        from assistant.answering.answerer import Answerer, Limits

        answering, generator = self.settings.answering, self.settings.generator
        limits = Limits(
            passages=answering.passages,
            read_passages=answering.read_passages,
            prompt_tokens=answering.prompt_tokens,
            max_tokens=generator.max_tokens,
            temperature=generator.temperature,
            caution=answering.caution if self._cautious else None,
            wording=self.wording,
        )
        return Answerer(
            lambda: self.generator,
            self.retriever.similarities,
            self.retriever.section,
            lambda: self.index.inventory.passages,
            self.serving.fingerprint,
            limits,
        )

    def close(self) -> None:
        """Close what was opened; calling it again is harmless. What is asked for afterwards is made anew."""
        for name in ("adder", *_SEARCHING):  # they hold what is closed below
            self.__dict__.pop(name, None)
        if (ahead := self.__dict__.pop("_ahead", None)) is not None:
            ahead.close()
        closed: list[object] = []
        for name in ("generator", "states", "serving", "embedder", "_store"):
            part = self.__dict__.pop(name, None)
            if part is not None and not any(part is one for one in closed):
                part.close()
                closed.append(part)

    def done_adding(self) -> None:
        """Free what only adding needs."""
        self.__dict__.pop("adder", None)


def optimizer() -> Tool:
    """What writes a model's weights anew, and compares."""
    from assistant.artifacts.optimizing import Tool

    requantize = import_module("assistant.engines.requantize")
    module, _, name = GENERATORS["gguf"].partition(":")
    engine = getattr(import_module(module), name)

    def write(source: Path, target: Path, recipe: Recipe, report: Report) -> None:
        requantize.write(source, target, recipe.type, output=recipe.output, threads=cores(), written=report.at)

    def load(path: Path) -> Generator:
        generator: Generator = engine(path, path.stem, context_tokens=512, decode_threads=1, prefill_threads=1)
        return generator

    return Tool(requantize.version(), requantize.repacks, write, load)


def load_sent(model: Model, folder: Path) -> Embedder:
    """An embedder that was sent to a worker of a cluster, which gives each of its cores a process of its own."""
    engine: Embedder = _engine(EMBEDDERS, model)(
        folder,
        model.fingerprint,
        dimensions=model.dimensions,
        max_tokens=model.max_tokens,
        pooling=model.pooling,
        threads=1,
    )
    return engine


def _quoted(question: str) -> bool:
    """Whether the documents' own words answer, as far as the question alone tells."""
    from assistant.answering.quoting import asks_for_explanation

    return bool(question) and asks_for_explanation(question)


def _fingerprint(artifact: Artifact) -> str:
    """What the store knows an embedder by: other bytes make other vectors."""
    return f"{artifact.id}:{artifact.sha256[:16]}"


def _not_here(former: str, chosen: str) -> KnowledgeBaseError:
    return KnowledgeBaseError(
        f"The knowledge base was made searchable by the embedder {former}, which is not here as it was then; run "
        f"`fieldmate sync` to change to {chosen}."
    )


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def decode_threads(available: int) -> int:
    """Threads for writing an answer, which is bound by memory and not by arithmetic.

    Half of the cores: two of four (a Raspberry Pi 5 decodes fastest on two: llama.cpp discussion 30069), and one of
    two, where a second thread that sleeps at each barrier made it slower: 32 tokens a second instead of 47 with 0.5B,
    49 instead of 148 with 135M (benchmarks/LOG.md).
    """
    return max(1, available // 2)


def built_in(available: int) -> Choice:
    """How a generator is run where nothing was measured; see also `_library` in `assistant.engines.llama`."""
    spins = 0 if available <= _FEW_CORES else _SPINS
    return Choice(decode_threads(available), available, _BATCH_TOKENS, spins)


def _engine(table: dict[str, str], artifact: Artifact | Model) -> Any:
    if artifact.format not in table:
        raise ModelMissing(
            f"No engine here runs {artifact.id}, whose format is {artifact.format}; choose another with "
            "`fieldmate models list`."
        )
    module, _, name = table[artifact.format].partition(":")
    return getattr(import_module(module), name)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageError(
            f"The data folder {folder} cannot be made ({exc.strerror}); choose another with --data-dir."
        ) from exc
