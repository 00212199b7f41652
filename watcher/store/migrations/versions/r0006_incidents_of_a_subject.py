"""An index that finds the incidents of one subject, for its page."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add it."""
    op.create_index("ix_incident_alerts_subject", "incident_alerts", ["subject"])
