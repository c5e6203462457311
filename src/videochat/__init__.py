"""Recordings become transcripts people trust and answers people can check."""

__version__ = "0.1.0"
