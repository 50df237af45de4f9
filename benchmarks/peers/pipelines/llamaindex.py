"""LlamaIndex with its own vector store, sentence-transformers and llama-cpp-python, put together as its documentation
does.

As documented: `SimpleDirectoryReader`, passages of 1,024 tokens, two of them in the prompt, the model class's own
defaults and its own prompt, without a chat template. Tuned: HTML without tags, passages of 200 tokens, which the
embedder reads whole, three of them, the model file's chat template, every core, flash attention, no sampling, answers
no longer than Fieldmate's.
"""


class Pipeline:
    """See the package's docstring."""

    VERSIONS = (
        "llama-index-core", "llama-index-llms-llama-cpp", "llama-index-embeddings-huggingface",
        "llama-index-readers-file", "sentence-transformers", "torch", "llama-cpp-python",
    )  # fmt: skip

    def __init__(self, config):
        self._config = config
        self._engine = self._embedder = None
        self._tuned = config["tuned"]
        html = "HTML by its HTMLTagReader" if self._tuned else "HTML as plain text, which it does by default"
        self.DOCUMENTS = f"its own loader SimpleDirectoryReader; {html}"

    def stated(self):
        """Settings that matter."""
        if not self._tuned:
            return {"context_window": 3900, "max_new_tokens": 256, "temperature": 0.1, "chunk_size": 1024, "top_k": 2}
        return {
            "context_window": 2048, "max_new_tokens": 160, "temperature": 0.0, "chunk_size": 200, "top_k": 3,
            "n_threads": self._config["threads"], "flash_attn": True, "chat_template": True,
        }  # fmt: skip

    def load_embedder(self):
        """Load it and embed once."""
        if self._embedder is None:
            from llama_index.embeddings.huggingface import HuggingFaceEmbedding

            self._embedder = HuggingFaceEmbedding(model_name=self._config["embedder"], device="cpu")
            self._embedder.get_text_embedding("warm up")
        return self._embedder

    def ingest(self, documents):
        """Load, split, embed, store; returns passages."""
        from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
        from llama_index.core.node_parser import SentenceSplitter

        options, splitters = {}, None
        if self._tuned:
            from llama_index.readers.file import HTMLTagReader

            options = {"file_extractor": {".html": HTMLTagReader(tag="body")}}
            splitters = [SentenceSplitter(chunk_size=200, chunk_overlap=20)]
        loaded = SimpleDirectoryReader(documents, recursive=True, **options).load_data()
        index = VectorStoreIndex.from_documents(loaded, embed_model=self.load_embedder(), transformations=splitters)
        index.storage_context.persist(self._config["store"])
        return len(index.index_struct.nodes_dict)

    def open(self):
        """The query engine."""
        if self._engine is None:
            from llama_index.core import StorageContext, load_index_from_storage
            from llama_index.llms.llama_cpp import LlamaCPP

            path = self._config["model"]
            if self._tuned:
                options = {"flash_attn": True, "n_threads": self._config["threads"]}
                model = LlamaCPP(
                    model_path=path, context_window=2048, max_new_tokens=160, temperature=0.0, verbose=False,
                    model_kwargs=options, completion_to_prompt=lambda text: self._chat([("user", text)]),
                    messages_to_prompt=lambda messages: self._chat([(one.role.value, one.content) for one in messages]),
                )  # fmt: skip
            else:
                model = LlamaCPP(model_path=path, verbose=False)
            self._llama = model._model
            context = StorageContext.from_defaults(persist_dir=self._config["store"])
            index = load_index_from_storage(context, embed_model=self.load_embedder())
            passages = {"similarity_top_k": 3} if self._tuned else {}
            self._engine = index.as_query_engine(llm=model, streaming=True, **passages)
        return self._engine

    def _chat(self, messages):
        """The prompt that the template in the model file makes."""
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        llama = self._llama
        ends = [llama._model.token_get_text(token) for token in (llama.token_eos(), llama.token_bos())]
        written = Jinja2ChatFormatter(llama.metadata["tokenizer.chat_template"], *ends)
        return written(messages=[{"role": role, "content": content} for role, content in messages]).prompt

    def ask(self, question):
        """The answer's text as it comes."""
        yield from self.open().query(question).response_gen
