"""Fieldmate's exporter: turns published model weights into artifacts for the device. Runs on a workstation.

It does not know the device runtime's store, settings or commands, and the runtime never imports it. Conversion
runs in isolated, pinned environments (one a toolchain), because the converters need versions of the same
libraries that cannot live together; this package itself imports none of them. An artifact is a folder whose
manifest.json was written last: the manifest's existence means that the artifact is complete.

    python -m export embedder all-minilm-l6-v2
    python -m export doctor
"""
