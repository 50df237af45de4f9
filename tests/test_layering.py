"""Who knows what: the rules of the design, executed by reading every import of the package.

Imports inside functions count, and so do the "module:Name" strings of the tables of lazy imports.
"""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
STANDARD = sys.stdlib_module_names
_TARGET = re.compile(r"assistant(\.\w+)+(:\w+)?")
_PURE = re.compile(r"\b[Pp]ure\b")


@dataclass(frozen=True)
class Import:
    """One name that a module imports, and how."""

    name: str
    """Dotted; of `from a import b` both `a` and `a.b` are listed, because `b` may be a module."""
    line: int
    typing_only: bool = False
    """Under `if TYPE_CHECKING`: it does not happen at run time."""


class Module:
    """One file of the package, parsed."""

    def __init__(self, name: str, source: str, package: bool = False) -> None:
        self.name = name
        self.package = package
        self.tree = ast.parse(source)
        self.docstring = ast.get_docstring(self.tree) or ""
        self.imports = list(self._imports(self.tree, typing_only=False))

    @property
    def pure(self) -> bool:
        """Whether it calls itself pure, or is one of the three that the design calls so."""
        return bool(_PURE.search(self.docstring)) or self.name in (
            "assistant.types",
            "assistant.errors",
            "assistant.protocols",
        )

    def _imports(self, node: ast.AST, *, typing_only: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, child.lineno, typing_only)
            elif isinstance(child, ast.ImportFrom):
                base = self._absolute(child)
                for name in (base, *(f"{base}.{alias.name}" for alias in child.names)):
                    yield Import(name, child.lineno, typing_only)
            elif isinstance(child, ast.Constant) and isinstance(child.value, str):
                if _TARGET.fullmatch(child.value):
                    yield Import(child.value.partition(":")[0], child.lineno, typing_only)
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                for inner in child.body:
                    yield from self._imports(ast.Module([inner], []), typing_only=True)
                for inner in child.orelse:
                    yield from self._imports(ast.Module([inner], []), typing_only=typing_only)
            else:
                yield from self._imports(child, typing_only=typing_only)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        kept = parts[: len(parts) - node.level + self.package]
        return ".".join([*kept, *([node.module] if node.module else [])])


def read_package(folder: Path) -> list[Module]:
    """Every module below `folder`, itself a package in the repository."""
    modules = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        package = parts[-1] == "__init__"
        modules.append(Module(".".join(parts[:-1] if package else parts), path.read_text("utf-8"), package))
    return modules


ASSISTANT = read_package(REPOSITORY / "assistant")
NAMES = {module.name for module in ASSISTANT}
PURE = [module for module in ASSISTANT if module.pure]
EDGES = ("assistant.cli", "assistant.server", "assistant.voice")


def inside(name: str, package: str) -> bool:
    """Whether `name` is `package` or something in it."""
    return name == package or name.startswith(f"{package}.")


def breaches(modules: list[Module], who: str, never: tuple[str, ...], but: tuple[str, ...] = ()) -> list[str]:
    """Imports of anything in `never` by modules in `who`, save those in `but`."""
    return [
        f"{module.name}:{one.line} imports {one.name}"
        for module in modules
        if inside(module.name, who) and module.name not in but
        for one in module.imports
        if any(inside(one.name, package) for package in never)
    ]


# The rules that are a table: who, what it never imports, and why.

RULES = [
    ("assistant", ("export", "benchmarks", "tests", "scripts"), "the wheel holds nothing but assistant"),
    ("assistant", ("torch", "transformers", "tensorflow", "sentence_transformers"), "the runtime runs without torch"),
    ("assistant", ("pickle", "shelve", "dill", "cloudpickle", "joblib", "marshal"), "no pickle anywhere"),
    ("assistant.cluster", ("assistant.engines", "assistant.settings", "assistant.answering", "assistant.wiring"),
     "it knows portions, Ray and the store"),
    ("assistant.states", ("assistant.engines", "assistant.store", "assistant.settings", "assistant.artifacts",
                          "assistant.ingest", "assistant.retrieval", "assistant.answering", "assistant.dialogue",
                          "assistant.wiring"), "states are files and a budget, whatever computes them"),
    ("assistant.bundles", ("assistant.engines", "assistant.settings", "assistant.ingest", "assistant.retrieval",
                           "assistant.answering", "assistant.dialogue", "sqlite3", "sqlite_utils"),
     "bundles know keys, files and the store"),
    ("assistant.engines", ("assistant.store", "assistant.settings", "assistant.cli", "assistant.wiring",
                           "assistant.artifacts", "assistant.ingest", "assistant.retrieval", "assistant.answering",
                           "assistant.dialogue", "assistant.assistant", "assistant.health"),
     "engines take plain arguments and a path"),
    ("assistant.retrieval", ("assistant.engines", "assistant.answering", "assistant.protocols.Generator",
                             "assistant.settings", "assistant.dialogue"), "retrieval does not know the generator"),
    ("assistant.answering", ("sqlite3", "sqlite_utils", "hnswlib", "assistant.store", "assistant.engines",
                             "assistant.settings"), "answering knows neither SQLite nor HNSW"),
    ("assistant.store", ("assistant.protocols", "assistant.engines", "assistant.retrieval", "assistant.ingest",
                         "assistant.answering", "assistant.settings", "assistant.artifacts", "assistant.dialogue"),
     "the store knows only an embedder's fingerprint"),
    ("assistant.ingest", ("assistant.engines", "assistant.answering", "assistant.settings", "assistant.dialogue",
                          "assistant.protocols.Generator"), "ingest knows readers, a splitter, an embedder, the store"),
    ("assistant.dialogue", ("assistant.store", "assistant.engines", "assistant.settings"), "nothing of it is on disk"),
    ("assistant.artifacts", ("assistant.store", "assistant.engines", "assistant.settings", "assistant.retrieval",
                             "assistant.answering", "assistant.ingest"), "artifacts are files, whatever runs them"),
    *((edge, ("assistant.store", "assistant.engines", "assistant.retrieval", "assistant.answering",
              "assistant.ingest"), "it sees only AnswerEvents") for edge in ("assistant.voice", "assistant.server")),
]  # fmt: skip


@pytest.mark.parametrize(("who", "never", "why"), RULES, ids=[f"{who}: {why}" for who, _, why in RULES])
def test_no_module_imports_what_it_must_not_know(who: str, never: tuple[str, ...], why: str) -> None:
    assert breaches(ASSISTANT, who, never) == [], why


def test_only_the_wiring_imports_engines() -> None:
    outside = [module for module in ASSISTANT if not inside(module.name, "assistant.engines")]
    assert breaches(outside, "assistant", ("assistant.engines",), but=("assistant.wiring",)) == []


def test_only_the_edges_import_the_command_line() -> None:
    outside = [module for module in ASSISTANT if not inside(module.name, "assistant.cli")]
    assert breaches(outside, "assistant", ("assistant.cli", "click"), but=("assistant.__main__",)) == []


ABILITIES = {"embed", "generate", "recognize", "transcribe", "synthesize"}
"""A module with a class that does one of these is an engine; what else lies beside them are helpers that they share."""
BESIDE_ENGINES = [module for module in ASSISTANT if inside(module.name, "assistant.engines") and not module.package]


def is_engine(module: Module) -> bool:
    """Whether it executes artifacts, rather than helping those that do."""
    classes = [node for node in module.tree.body if isinstance(node, ast.ClassDef)]
    return any(isinstance(part, ast.FunctionDef) and part.name in ABILITIES for one in classes for part in one.body)


ENGINES = tuple(module.name for module in BESIDE_ENGINES if is_engine(module))


def test_the_engines_are_found() -> None:
    assert {"assistant.engines.fake", "assistant.engines.llama", "assistant.engines.onnx"} <= {*ENGINES}


@pytest.mark.parametrize("module", BESIDE_ENGINES, ids=lambda module: module.name)
def test_no_engine_and_no_helper_of_engines_knows_an_engine(module: Module) -> None:
    assert breaches([module], module.name, tuple(name for name in ENGINES if name != module.name)) == []


# Pure modules

ALLOWED = {
    ("assistant.answering.confidence", "msgspec"): "decodes the calibration file that ships beside it",
    ("assistant.retrieval.terms", "snowballstemmer"): "word stems: a function of the word alone",
}
"""(pure module, third-party package): why it may."""
IMPURE = {"os", "io", "time", "datetime", "pathlib", "logging", "socket", "subprocess", "sqlite3", "shutil", "tempfile",
          "random", "secrets", "threading", "multiprocessing", "asyncio", "urllib", "http", "glob", "signal", "sys",
          "tomllib", "importlib"}  # fmt: skip
"""Standard modules through which input, output, a clock or chance comes in."""
ALLOWED_STANDARD = {
    ("assistant.answering.confidence", "tomllib"): "reads the calibration file that ships beside it",
    ("assistant.answering.confidence", "importlib"): "finds the calibration file that ships beside it",
    ("assistant.artifacts.listing", "pathlib"): "names the type of one field; looks at no file",
}
RESTS_ON = {
    ("assistant.artifacts.listing", "assistant.artifacts.catalogue"): "what its values are made of",
    ("assistant.artifacts.listing", "assistant.artifacts.fields"): "the types of its fields",
    ("assistant.artifacts.listing", "assistant.artifacts.manifest"): "what its values are made of",
    ("assistant.ingest.readers.pdf_flow", "assistant.ingest.building"): "fills the builder that it is given",
    ("assistant.store.nearest", "assistant.store.vectors"): "the names of two array types",
}
"""(pure module, module of ours that is not called pure): why it may."""


def test_the_pure_modules_are_found() -> None:
    names = {module.name for module in PURE}
    assert {"assistant.types", "assistant.quantities", "assistant.answering.evidence"} <= names
    assert len(names) > 15


@pytest.mark.parametrize("module", PURE, ids=lambda module: module.name)
def test_a_pure_module_imports_nothing_third_party_beyond_numpy(module: Module) -> None:
    roots = {one.name.partition(".")[0] for one in module.imports}
    foreign = roots - STANDARD - {"assistant", "numpy"}
    assert [root for root in sorted(foreign) if (module.name, root) not in ALLOWED] == []


@pytest.mark.parametrize("module", PURE, ids=lambda module: module.name)
def test_a_pure_module_has_no_input_output_clock_or_chance(module: Module) -> None:
    roots = {one.name.partition(".")[0] for one in module.imports if not one.typing_only}
    assert [root for root in sorted(roots & IMPURE) if (module.name, root) not in ALLOWED_STANDARD] == []
    assert [name for name in ("open", "print", "input", "exec", "eval", "__import__") if _calls(module, name)] == []


@pytest.mark.parametrize("module", PURE, ids=lambda module: module.name)
def test_a_pure_module_rests_on_pure_modules_only(module: Module) -> None:
    ours = {one.name for one in module.imports if one.name in NAMES and not one.typing_only}
    packages = {name for name in ours if any(other.startswith(f"{name}.") for other in NAMES)}
    impure = ours - packages - {other.name for other in PURE}
    assert [name for name in sorted(impure) if (module.name, name) not in RESTS_ON] == []


@pytest.mark.parametrize("key", [*ALLOWED, *ALLOWED_STANDARD, *RESTS_ON], ids=": ".join)
def test_no_exception_outlives_its_need(key: tuple[str, str]) -> None:
    module = next(module for module in PURE if module.name == key[0])
    assert any(inside(one.name, key[1]) for one in module.imports)


# What only some may do


def _calls(module: Module, name: str) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in (name, f"builtins.{name}")
    ]


def _reads(module: Module, *names: str) -> list[int]:
    attributes = [node for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)]
    return [node.lineno for node in attributes if ast.unparse(node) in names]


OUTSIDE_CLI = [module for module in ASSISTANT if not inside(module.name, "assistant.cli")]


@pytest.mark.parametrize("module", OUTSIDE_CLI, ids=lambda module: module.name)
def test_only_the_command_line_prints_and_exits(module: Module) -> None:
    assert _calls(module, "print") == []
    assert _calls(module, "sys.exit") == []
    assert _reads(module, "sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__", "os._exit") == []


NETWORK = ("socket", "ssl", "http.client", "urllib.request", "httpx", "requests", "aiohttp", "huggingface_hub",
           "ftplib", "websockets", "xmlrpc")  # fmt: skip
NETWORK_USERS = ("assistant.artifacts", "assistant.cluster", "assistant.engines.remote", "assistant.server")
"""What an owner configures: a model pull, a remote generator, a server bound to loopback."""


def test_only_pulls_remote_engines_and_the_server_import_network_code() -> None:
    quiet = [module for module in ASSISTANT if not any(inside(module.name, user) for user in NETWORK_USERS)]
    assert breaches(quiet, "assistant", NETWORK) == []


THREADS = ("threading", "_thread", "queue", "multiprocessing", "concurrent", "asyncio", "atexit")
THREAD_USERS = {
    "assistant.cli.ahead": "an edge: reads along while the prompt waits for a key in a library",
    "assistant.cluster.connecting": "knocks at several addresses of a cluster at once",
    "assistant.engines.litert_session": "the library calls back in threads of its own",
    "assistant.engines.requantize": "tells how far a call has come that says nothing itself",
    "assistant.loading": "loads the generator while the passages are looked up",
    "assistant.states.store": "counts for whichever thread asks",
    "assistant.voice": "an edge",
    "assistant.server": "an edge",
    "assistant.worker": "the one inference worker that the edges stand on",
}
"""The core is synchronous and yields events. Package or module: why it may know threads."""


def test_threads_live_at_the_edges_only() -> None:
    others = [module for module in ASSISTANT if not any(inside(module.name, user) for user in THREAD_USERS)]
    assert breaches(others, "assistant", THREADS) == []


def test_the_worker_knows_the_facade_only() -> None:
    worker = [module for module in ASSISTANT if module.name == "assistant.worker"]
    known = {one.name for one in worker[0].imports if one.name in NAMES}
    assert known == {"assistant.assistant", "assistant.errors", "assistant.protocols", "assistant.types"}


def test_no_module_sets_logging_up() -> None:
    for module in ASSISTANT:
        assert _calls(module, "logging.basicConfig") == [], module.name


PUBLIC = ("assistant.Assistant", "assistant.Settings", "assistant.__version__", "assistant.assistant",
          "assistant.settings", "assistant.types", "assistant.errors", "assistant.protocols",
          "assistant.worker")  # fmt: skip
BENCHMARKS_MAY = {
    ("benchmarks.ann", "assistant.wiring"): "embeds text for the comparison of vector indexes",
    ("benchmarks.calibrating.asking", "assistant.wiring"): "asks without caution, which no setting can",
    ("benchmarks.calibrating.sentences", "assistant.wiring"): "searches as that asks",
    ("benchmarks.calibrating.sentences", "assistant.answering.quoting"): "asks it which questions want an explanation",
    ("benchmarks.calibrating.sentences", "assistant.answering.reading"): "reads the sentences that are fitted on",
    ("benchmarks.calibrating.sentences", "assistant.answering.stretch"): "fits over the features that are seen there",
    ("benchmarks.calibrating.fitting", "assistant.answering.confidence"): "fits what that module evaluates",
    ("benchmarks.calibrating.making", "assistant.answering.confidence"): "makes the file that that module reads",
    (
        "benchmarks.cli.calibrating",
        "assistant.answering.confidence",
    ): "checks that the file can be read before it ships",
    ("benchmarks.forms", "assistant.engines.llama"): "measures what a process takes that holds a generator alone",
    ("benchmarks.scenarios.weights", "assistant.answering.prompt"): "asks files that no catalogue names",
    ("benchmarks.scenarios.weights", "assistant.engines.llama"): "answers with files that no catalogue names",
    ("benchmarks.scenarios.weights", "assistant.engines.requantize"): "derives forms as the product does",
    ("benchmarks.prompts", "assistant.wiring"): "sees the prompts, which plain llama-cpp-python gets as well",
    ("benchmarks.scenarios.state_budget", "assistant.states"): "asks the index what it keeps, without the files",
    ("benchmarks.scenarios.peer_ingest", "assistant.wiring"): "times the embedder by itself against another library",
}
"""(module, what it imports beyond the public interface): why it may."""


def outside_of(folder: str, allowed: tuple[str, ...]) -> list[tuple[str, str]]:
    """What the modules of a folder import of the assistant that is not in `allowed`."""
    return [
        (module.name, one.name)
        for module in read_package(REPOSITORY / folder)
        for one in module.imports
        if one.name.startswith("assistant.") and not any(inside(one.name, name) for name in allowed)
    ]


def test_benchmarks_use_the_public_interface_only() -> None:
    wrong = [
        (module, name)
        for module, name in outside_of("benchmarks", PUBLIC)
        if not any(module == one and inside(name, what) for one, what in BENCHMARKS_MAY)
    ]
    assert wrong == []


def test_export_uses_the_public_interface_and_the_engines_that_ship() -> None:
    assert outside_of("export", (*PUBLIC, "assistant.engines", "assistant.artifacts")) == []


# Lazy imports


def _targets() -> list[str]:
    found = set()
    for module in ASSISTANT:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _TARGET.fullmatch(node.value):
                found.add(node.value)
    return sorted(found)


@pytest.mark.parametrize("target", _targets())
def test_every_name_in_a_table_of_lazy_imports_exists(target: str) -> None:
    module, _, name = target.partition(":")
    assert not name or hasattr(import_module(module), name)
    assert import_module(module) is not None


def test_the_start_of_the_command_line_loads_no_heavy_library() -> None:
    heavy = ["numpy", "llama_cpp", "onnxruntime", "tokenizers", "hnswlib", "sqlite_utils", "httpx", "huggingface_hub",
             "pypdfium2", "selectolax", "markdown_it", "msgspec", "jinja2", "snowballstemmer", "psutil"]  # fmt: skip
    code = f"import sys, assistant.cli.main; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# The network: what the reader of imports cannot see, the guard in conftest.py stops


def _udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.sendto(b"x", ("192.0.2.1", 9))


def _ipv6() -> None:
    with socket.socket(socket.AF_INET6) as opened:
        opened.connect(("2001:db8::1", 9))


@pytest.mark.parametrize(
    "leave",
    [
        lambda: socket.create_connection(("192.0.2.1", 9), timeout=1),
        lambda: socket.getaddrinfo("example.org", 443),
        lambda: urllib.request.urlopen("http://192.0.2.1/", timeout=1),
        _udp,
        _ipv6,
    ],
    ids=["address", "name", "http", "datagram", "ipv6"],
)
def test_the_guard_lets_nothing_leave_this_machine(leave: Callable[[], object], blocked: list[str]) -> None:
    with pytest.raises(OSError, match="beyond loopback"):
        leave()
    assert blocked
    blocked.clear()  # else the guard fails this test too


def test_the_guard_lets_loopback_through(blocked: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("127.0.0.1", "localhost"):
            with socket.create_connection((host, server.getsockname()[1]), timeout=5):
                assert blocked == []


# The reader of imports itself


def test_imports_are_found_wherever_they_stand() -> None:
    source = """
from __future__ import annotations
import a.b
from . import sibling
from ..up import name
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import hinted
def function():
    import late
    class Inner:
        from deep import thing
TABLE = {"x": "assistant.engines.llama:LlamaGenerator"}
"""
    module = Module("assistant.part.module", source)
    found = {one.name: one.typing_only for one in module.imports}
    assert {"a.b", "assistant.part.sibling", "assistant.up.name", "late", "deep.thing"} <= found.keys()
    assert found["assistant.engines.llama"] is False
    assert found["hinted"] is True
    assert found["late"] is False


def test_a_breach_is_found_and_a_namesake_is_not() -> None:
    bad = Module("assistant.retrieval.x", "def f():\n    from assistant.answering.prompt import build\n")
    assert len(breaches([bad], "assistant.retrieval", ("assistant.answering",))) == 2
    near = Module("assistant.retrieval.x", "import assistant.answering_machine\n")
    assert breaches([near], "assistant.retrieval", ("assistant.answering",)) == []
