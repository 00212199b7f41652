"""`python -m tests.e2e.newer run ...`: a Watcher of tomorrow, whose tables are one step further."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from watcher import cli
from watcher.store import migrate

STEP = '''
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{newest}"


def upgrade():
    """What a step may do beside a daemon of the version before: add."""
    op.create_table("moons", sa.Column("name", sa.Text(), primary_key=True))
    op.add_column("incidents", sa.Column("moon", sa.Text()))
    op.add_column("receipts", sa.Column("phase", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_entries_at", "entries", ["at"])
'''


def main() -> None:
    """Run a verb with the tables of tomorrow."""
    newest = max(migrate.all_revisions())
    with tempfile.TemporaryDirectory() as folder:
        scripts = shutil.copytree(migrate._SCRIPTS, Path(folder, "migrations"))
        (scripts / "versions" / "r9999_tomorrow.py").write_text(STEP.format(newest=newest))
        migrate._SCRIPTS = scripts
        cli.main()


if __name__ == "__main__":
    main()
