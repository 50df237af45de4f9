"""The runtimes that execute artifacts, one module each.

An engine takes plain arguments and a verified path. It knows neither the other engines nor the store, the settings or
the command line, and it turns the exceptions of the library that it wraps into `assistant.errors` at its edge.
`assistant.wiring` is the only importer.
"""
