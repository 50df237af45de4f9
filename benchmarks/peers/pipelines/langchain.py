"""LangChain with Chroma, sentence-transformers and llama-cpp-python, put together as its documentation does.

As documented: text of 1,000 characters with 200 of overlap, four passages (the retriever's default), the chat model
with the settings of the example in its class, and the chain's own prompt for chat models. Tuned: every core, batches of
512, flash attention, no sampling, three passages, answers no longer than Fieldmate's.
"""

import os
from pathlib import Path

DOCUMENTED = {
    "n_ctx": 10000,
    "n_batch": 200,
    "max_tokens": 512,
    "temperature": 0.0,
    "repeat_penalty": 1.5,
    "top_p": 0.5,
}
TUNED = {"n_ctx": 2048, "n_batch": 512, "max_tokens": 160, "temperature": 0.0, "repeat_penalty": 1.0}


class Pipeline:
    """See the package's docstring."""

    VERSIONS = (
        "langchain-classic", "langchain-community", "langchain-chroma", "chromadb", "langchain-huggingface",
        "sentence-transformers", "torch", "llama-cpp-python",
    )  # fmt: skip
    DOCUMENTS = "its own loaders: BSHTMLLoader, PyPDFLoader, TextLoader for Markdown"

    def __init__(self, config):
        self._config = config
        self._chain = self._embedder = None
        self._passages = 3 if config["tuned"] else 4

    def stated(self):
        """Settings that matter."""
        return {**self._model(), "chunk_size": 1000, "chunk_overlap": 200, "k": self._passages}

    def _model(self):
        if self._config["tuned"]:
            return {**TUNED, "n_threads": self._config["threads"], "model_kwargs": {"flash_attn": True}}
        return {**DOCUMENTED, "n_threads": max(1, (os.cpu_count() or 2) - 1)}

    def load_embedder(self):
        """Load it and embed once."""
        if self._embedder is None:
            from langchain_huggingface import HuggingFaceEmbeddings

            self._embedder = HuggingFaceEmbeddings(model_name=self._config["embedder"], model_kwargs={"device": "cpu"})
            self._embedder.embed_query("warm up")
        return self._embedder

    def _store(self):
        from langchain_chroma import Chroma

        return Chroma(
            collection_name="manuals",
            embedding_function=self.load_embedder(),
            persist_directory=self._config["store"],
        )

    def ingest(self, documents):
        """Load, split, embed, store; returns passages."""
        from langchain_community.document_loaders import BSHTMLLoader, PyPDFLoader, TextLoader
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        loaders = {".html": BSHTMLLoader, ".pdf": PyPDFLoader, ".md": TextLoader}
        loaded = []
        for path in sorted(Path(documents).rglob("*")):
            if path.suffix in loaders:
                options = {"encoding": "utf-8"} if path.suffix == ".md" else {}
                options |= {"open_encoding": "utf-8"} if path.suffix == ".html" else {}
                loaded += loaders[path.suffix](str(path), **options).load()
        splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
        return len(self._store().add_documents(splitter.split_documents(loaded)))

    def open(self):
        """The chain."""
        if self._chain is None:
            from langchain_classic.chains.question_answering.stuff_prompt import CHAT_PROMPT
            from langchain_community.chat_models import ChatLlamaCpp
            from langchain_core.output_parsers import StrOutputParser
            from langchain_core.runnables import RunnablePassthrough

            model = ChatLlamaCpp(model_path=self._config["model"], verbose=False, **self._model())
            retriever = self._store().as_retriever(search_kwargs={"k": self._passages})
            joined = retriever | (lambda found: "\n\n".join(one.page_content for one in found))
            asked = {"context": joined, "question": RunnablePassthrough()}
            self._chain = asked | CHAT_PROMPT | model | StrOutputParser()
        return self._chain

    def ask(self, question):
        """The answer's text as it comes."""
        yield from self.open().stream(question)
