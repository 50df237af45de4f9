"""txtai's embeddings database and its pipeline of search and language model, put together as its documentation does.

As documented: paragraphs, three of them, the pipeline's own prompt (question, then passages) and the model's whole
context. Tuned: paragraphs of a hundred characters or more, five of them, a prompt that asks for nothing but the
passages and allows not to know, 2,048 tokens of context, every core, flash attention, no sampling, answers no longer
than Fieldmate's.
"""

from pathlib import Path

TEMPLATE = (
    "Answer the question from these passages of a manual, briefly. If they do not hold the answer, say that you do not "
    "know.\n\nPassages:\n{context}\n\nQuestion: {question}"
)


class Pipeline:
    """See the package's docstring."""

    VERSIONS = ("txtai", "sentence-transformers", "transformers", "torch", "llama-cpp-python")
    DOCUMENTS = "the text that Fieldmate stored: its own loader needs Java or downloads models"

    def __init__(self, config):
        self._config = config
        self._rag = self._embeddings = None
        self._tuned = config["tuned"]

    def stated(self):
        """Settings that matter."""
        if not self._tuned:
            return {"n_ctx": "of the model", "maxlength": 512, "context": 3, "split": "paragraphs"}
        return {
            "n_ctx": 2048, "maxlength": 160, "context": 5, "split": "paragraphs of 100 characters or more",
            "n_threads": self._config["threads"], "temperature": 0.0, "flash_attn": True,
            "template": "its own is replaced",
        }  # fmt: skip

    def load_embedder(self):
        """Load it and embed once."""
        if self._embeddings is None:
            from txtai import Embeddings

            self._embeddings = Embeddings(path=self._config["embedder"], content=True, gpu=False)
            self._embeddings.transform("warm up")
        return self._embeddings

    def ingest(self, documents):
        """Split, embed, store; returns passages."""
        from txtai.pipeline import Segmentation

        split = Segmentation(paragraphs=True, minlength=100 if self._tuned else None)
        texts = [path.read_text("utf-8") for path in sorted(Path(documents).rglob("*.txt"))]
        passages = [passage for text in texts for passage in split(text)]
        embeddings = self.load_embedder()
        embeddings.index(passages)
        embeddings.save(self._config["store"])
        return len(passages)

    def open(self):
        """The pipeline."""
        if self._rag is None:
            from txtai import RAG, Embeddings

            embeddings = Embeddings()
            embeddings.load(self._config["store"])
            options = {"gpu": False, "n_gpu_layers": 0}
            if self._tuned:
                options |= {"context": 5, "template": TEMPLATE, "separator": "\n\n", "n_ctx": 2048, "flash_attn": True,
                            "n_threads": self._config["threads"]}  # fmt: skip
            self._rag = RAG(embeddings, self._config["model"], output="flatten", **options)
        return self._rag

    def ask(self, question):
        """The answer's text as it comes."""
        options = {"maxlength": 160, "temperature": 0.0} if self._tuned else {}
        yield from self.open()(question, stream=True, **options)
