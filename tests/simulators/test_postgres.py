"""The PostgreSQL simulator itself."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import sqlalchemy

from tests.simulators import postgres


def test_a_database_keeps_what_is_written_and_shares_nothing(postgres_server: str) -> None:
    with postgres.database(postgres_server) as one, postgres.database(postgres_server) as other:
        first, second = sqlalchemy.create_engine(one), sqlalchemy.create_engine(other)
        with first.begin() as connection:
            connection.execute(sqlalchemy.text("CREATE TABLE kept (n int)"))
            connection.execute(sqlalchemy.text("INSERT INTO kept VALUES (7)"))
        with first.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT n FROM kept")) == 7
        assert sqlalchemy.inspect(second).get_table_names() == []
        first.dispose()
        second.dispose()


def test_a_stopped_cluster_leaves_nothing_behind() -> None:
    with postgres.cluster() as url:
        home = Path(parse_qs(urlsplit(url).query)["host"][0])
        assert list(home.glob(".s.PGSQL.*"))
    assert not home.exists()


def test_a_cluster_stops_although_a_client_stays() -> None:
    with postgres.cluster() as url:
        left = psycopg.connect(url.replace("+psycopg", ""))
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    left.close()


def test_a_missing_server_is_an_error_and_never_a_skip(tmp_path: Path) -> None:
    with pytest.raises(postgres.PostgresMissing, match="installs Debian's postgresql"):
        postgres.programs(tmp_path)


def test_the_newest_server_is_taken_by_number_and_not_by_letter(tmp_path: Path) -> None:
    for version in ("9.6", "15", "16"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    assert postgres.programs(tmp_path) == tmp_path / "16" / "bin"
