"""The names as a view, for programs that read SQL"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

# Read by PowerDNS (deploy/powerdns) and by PBXs with an SQL source; one text for both databases.
# A name that is private does not leave the view. What ``naptr`` says is what phonotary.dns says.
_VIEW = """
CREATE VIEW cnam_names AS
SELECT
    phone_number AS number,
    enum_name,
    CASE WHEN private THEN NULL ELSE name END AS name,
    private,
    '10 100 "u" "E2U+pstndata:cnam" "!^.*$!pstndata:cnam' || CASE
        WHEN private THEN ';;unavailable=p,Private'
        ELSE '/' || phone_number || ';;charset=us-ascii,'
            || replace(replace(name, ',', '%2C'), ' ', '%20')
    END || '!" .' AS naptr,
    CASE WHEN private THEN NULL ELSE '"' || name || '"' END AS txt
FROM cnam_registrations
WHERE state = 'registered' AND shown
"""


def upgrade() -> None:
    op.execute(_VIEW)


def downgrade() -> None:
    op.execute("DROP VIEW cnam_names")
