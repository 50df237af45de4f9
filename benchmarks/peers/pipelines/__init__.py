"""One file a pipeline, each run by `worker.py` in an environment of its own and never imported by the harness.

All have one shape: a class `Pipeline(config)` with `VERSIONS`, `DOCUMENTS` (how it reads documents), `stated()` (the
settings that matter), `load_embedder()`, `ingest(documents) -> passages`, `open()`, and `ask(question)`, which yields
text as it comes. `config` holds "model", "embedder" and "store" (paths), "threads", "tuned" (false: as its
documentation shows it).
"""
