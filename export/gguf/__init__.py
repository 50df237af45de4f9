"""GGUF files: their header, llama.cpp's converter, and quantization. Knows no report, gate or command line."""
