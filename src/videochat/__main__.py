"""`python -m videochat` is the command `videochat`."""

from videochat.cli.main import main

main()
