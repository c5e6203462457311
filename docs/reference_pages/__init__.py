"""The pages under docs/reference/, one module each; `docs/generate.py` writes them."""
