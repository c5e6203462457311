"""How Alembic reaches the database: through the connection that store.migrate hands over."""

from __future__ import annotations

from alembic import context

from videochat.store import access_tables  # noqa: F401  # its tables join the others in Base
from videochat.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
)
with context.begin_transaction():
    context.run_migrations()
