"""From passages to an answer: prompt, evidence gate, citations, confidence. Knows neither SQLite nor HNSW."""
