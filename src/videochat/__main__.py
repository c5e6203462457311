"""The command `videochat`, also as `python -m videochat`."""

from __future__ import annotations

import gc
from importlib import import_module


def main() -> None:
    """Run the command. Nothing that is imported is ever garbage: to look for some takes a tenth of the start, and time later."""
    gc.disable()
    cli = import_module("videochat.cli.main")
    gc.freeze()
    gc.enable()
    cli.main()


if __name__ == "__main__":
    main()
