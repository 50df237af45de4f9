"""Confidence made from labelled questions: what is asked, what is seen, what is fitted, the file that ships."""
