"""Run by Alembic: migrate over the connection ``storage.migrate`` hands in."""

from alembic import context

# The names' tables join the others in ``metadata`` by being imported.
from phonotary.storage import schema_names  # noqa: F401
from phonotary.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
