"""Finding passages: terms, lexical and dense search, fusion, follow-up questions. Does not know the generator."""
