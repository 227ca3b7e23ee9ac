"""Run by Alembic: migrate over the connection ``storage.migrate`` hands in."""

from alembic import context

from phonotary.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
