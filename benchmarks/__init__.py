"""The benchmark harness: variants x scenarios -> rows of raw samples -> reports rendered from the rows alone.

Uses Fieldmate as its users do: the command and the public Python surface. The runtime does not know this package.
"""
