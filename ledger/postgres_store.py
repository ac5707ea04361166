"""The ledger in PostgreSQL: the same tables as in a file of its own, for a site that has a database and looks after it.

A block is one database transaction that the server has flushed before it says so (`synchronous_commit`; a server with
`fsync` off is refused). One connection writes, and holds an advisory lock, so that no second ledger does. A connection
that broke is made anew when it is next used; where the database is then must be where it was, or a block further if the
commit of one was cut off: what fell back to an older copy is refused.
This file moves bytes and decides nothing. What fails is raised as ShellError, without the address's password.
Reference: PostgreSQL 15, 55.2.7 (COPY) and "COPY binary format"; psycopg 3.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg import conninfo, errors

from ledger.block import BlockRows, Item, Named, id_range
from wire.errors import ShellError

SCHEMA_VERSION = 4
WRITER_LOCK = 0x61697267
"""The advisory lock of whoever writes: "airg"."""
LOCK_PATIENCE_MS = 5_000
"""How long the server may take to notice that an earlier writer is gone."""
CONNECT_PATIENCE_S = 10
PAGE_ROWS = 10_000
PAGE_BYTES = 4 * 1024 * 1024
"""What is fetched of the log at once: a purchase for 50,000 has 1.7 MB, others have 200 octets."""

_SCHEMA = """
CREATE TABLE ledger_schema (version INTEGER NOT NULL);
CREATE TABLE genesis (one INTEGER PRIMARY KEY CHECK (one = 1), encoded BYTEA NOT NULL);
CREATE TABLE ordered (one INTEGER PRIMARY KEY CHECK (one = 1), height BIGINT NOT NULL);
CREATE TABLE blocks (height BIGINT PRIMARY KEY, header BYTEA NOT NULL);
CREATE TABLE items (
    number BIGINT PRIMARY KEY, height BIGINT NOT NULL, kind BIGINT NOT NULL, id BYTEA NOT NULL UNIQUE,
    valid_until_s BIGINT NOT NULL, encoded BYTEA NOT NULL, result BYTEA NOT NULL
);
ALTER TABLE items ALTER COLUMN encoded SET STORAGE EXTERNAL;
CREATE INDEX items_by_height ON items (height);
CREATE TABLE parties (account BYTEA NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (account, number));
CREATE TABLE crowds (
    bucket BIGINT NOT NULL, number BIGINT NOT NULL, marks BYTEA NOT NULL, PRIMARY KEY (bucket, number)
);
CREATE TABLE records (
    key_id BYTEA NOT NULL, sequence BIGINT NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (key_id, sequence, number)
);
CREATE TABLE state (key BYTEA PRIMARY KEY, value BYTEA NOT NULL);
CREATE TABLE enrolments (key_id BYTEA PRIMARY KEY, number BIGINT NOT NULL);
CREATE TABLE chains (key_id BYTEA PRIMARY KEY, state BYTEA NOT NULL);
CREATE FUNCTION log_stays() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$;
CREATE TRIGGER blocks_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON blocks EXECUTE FUNCTION log_stays();
CREATE TRIGGER items_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON items EXECUTE FUNCTION log_stays();
"""
_ITEM = "number, height, kind, id, valid_until_s, encoded, result"
_ITEM_TYPES = ("int8", "int8", "int8", "bytea", "int8", "bytea", "bytea")
_PUT_STATE = """
INSERT INTO state SELECT * FROM unnest(%b::bytea[], %b::bytea[]) ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""
_PUT_CHAINS = """
INSERT INTO chains SELECT * FROM unnest(%b::bytea[], %b::bytea[])
ON CONFLICT (key_id) DO UPDATE SET state = excluded.state
"""
_NAMED = """
SELECT found.* FROM unnest(%b::bytea[], %b::bytea[]) AS wanted (low, high) CROSS JOIN LATERAL
(SELECT id, number, length(result) > 0 FROM items WHERE id BETWEEN low AND high ORDER BY id LIMIT 1000) AS found
"""
"""The limit, which nothing reaches, keeps the database from reading all items for it."""
_FIND_MARK = """
SELECT coalesce((SELECT height FROM ordered), 0), coalesce((SELECT max(number) FROM items), 0),
coalesce((SELECT header FROM blocks ORDER BY height DESC LIMIT 1), ''::bytea)
"""
_COPY_HEAD = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END = b"\xff\xff"

Row = tuple[Any, ...]


class Mark(NamedTuple):
    """How far a log has come: the last block that was ordered, the last item, the last header."""

    height: int = 0
    number: int = 0
    header: bytes = b""


class PostgresStore:
    """ledger.store.Store as a connection to a database."""

    def __init__(self, place: str, *, read_only: bool = False) -> None:
        self.place, self.name = place, _shown(place)
        self._read_only, self._held = read_only, False
        with shell_errors(self.name):
            self._db = self._connect()
            if not read_only:
                self._prepare()
        self._mark = self._perhaps = self._find_mark(self._db)
        """Where the log is, and where it may be if nobody said how writing ended."""

    def close(self) -> None:
        self._db.close()

    def hold(self) -> None:
        """Of a reader: from here on it sees what is there now, and nothing that comes later. Pages of the log, each a
        question of its own, are so of one moment.
        """
        with shell_errors(self.name):
            self._db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._db.execute("SELECT pg_current_snapshot()").fetchone()
        self._held = True

    def write_genesis(self, encoded: bytes, block: BlockRows) -> None:
        with self._transaction(Mark(block.height, 0, block.header)) as cursor:
            cursor.execute("INSERT INTO genesis VALUES (1, %b)", (encoded,))
            _insert(cursor, block)

    def write_block(self, block: BlockRows) -> None:
        """All of it, on disk when this returns; or ShellError and nothing of it."""
        number = block.items[-1].number if block.items else self._mark.number
        try:
            with self._transaction(Mark(block.height, number, block.header)) as cursor:
                _insert(cursor, block)
        except ShellError as error:
            known = isinstance(error.__cause__, errors.UniqueViolation)
            if not known or self.header(block.height) != block.header:
                raise

    def write_height(self, height: int) -> None:
        """That a block of this height was ordered in which nothing took effect."""
        with self._transaction(self._mark._replace(height=height)) as cursor:
            _insert_height(cursor, height)

    def height(self) -> int:
        """Of the last block that was ordered, whether anything took effect in it or not."""
        row = self._one("SELECT height FROM ordered")
        return 0 if row is None else int(row[0])

    def genesis(self) -> bytes | None:
        if self._one("SELECT to_regclass('genesis')") == (None,):  # nobody has written to this database yet
            return None
        row = self._one("SELECT encoded FROM genesis")
        return None if row is None else bytes(row[0])

    def headers(self) -> Iterator[bytes]:
        query = "SELECT header, height FROM blocks WHERE height > %s ORDER BY height LIMIT %s"
        for row in self._pages(query, -1, lambda row: row[1]):
            yield row[0]

    def header(self, height: int) -> bytes | None:
        row = self._one("SELECT header FROM blocks WHERE height = %s", height)
        return None if row is None else bytes(row[0])

    def items(self) -> Iterator[Item]:
        """The whole log in order."""
        number, limit = 0, 64
        while page := self.items_after(number, limit):
            yield from page
            number, size = page[-1].number, sum(len(item.encoded) for item in page)
            limit = min(2 * limit, PAGE_ROWS) if 2 * size < PAGE_BYTES else max(1, limit // 2)

    def last_block(self, height: int) -> int:
        row = self._one("SELECT max(height) FROM blocks WHERE height <= %s", height)
        return 0 if row is None or row[0] is None else int(row[0])

    def block_numbers(self, height: int) -> tuple[int, int]:
        row = self._one("SELECT min(number), max(number) FROM items WHERE height = %s", height)
        return (0, 0) if row is None or row[0] is None else (int(row[0]), int(row[1]))

    def sizes_after(self, number: int, limit: int) -> list[tuple[int, int]]:
        query = "SELECT number, octet_length(encoded) FROM items WHERE number > %s ORDER BY number LIMIT %s"
        return [(row[0], row[1]) for row in self._rows(query, number, limit)]

    def block_items(self, height: int) -> list[Item]:
        return self._items("SELECT * FROM items WHERE height = %s ORDER BY number", height)

    def item(self, number: int) -> Item | None:
        row = self._one("SELECT * FROM items WHERE number = %s", number)
        return None if row is None else Item(*row)

    def item_by_id(self, item_id: bytes) -> Item | None:
        row = self._one("SELECT * FROM items WHERE id = %s", item_id)
        return None if row is None else Item(*row)

    def last_number(self) -> int:
        row = self._one("SELECT max(number) FROM items")
        return 0 if row is None or row[0] is None else int(row[0])

    def items_after(self, number: int, limit: int, account: bytes | None = None) -> list[Item]:
        """At most `limit` items with a higher number, of one account if it is given."""
        if account is None:
            query = "SELECT * FROM items WHERE number > %s ORDER BY number LIMIT %s"
            return self._items(query, number, limit)
        query = "SELECT items.* FROM parties JOIN items USING (number)"
        query += " WHERE account = %s AND number > %s ORDER BY number LIMIT %s"
        return self._items(query, account, number, limit)

    def crowds(self, bucket: int, number: int) -> Iterator[tuple[int, bytes]]:
        query = "SELECT number, marks FROM crowds WHERE bucket = %s AND number > %s ORDER BY number LIMIT %s"
        for row in self._pages(query, number, lambda row: row[0], bucket):
            yield row[0], row[1]

    def named(self, beginnings: Sequence[bytes]) -> list[Named]:
        if not beginnings:
            return []
        edges = [id_range(one) for one in beginnings]
        with shell_errors(self.name):
            found = self._live().execute(_NAMED, _columns(edges), binary=True).fetchall()
        return [Named(*row) for row in found]

    def records_after(self, key_id: bytes, sequence: int, limit: int) -> list[tuple[int, Item]]:
        """(sequence, item) of at most `limit` meter records of one key with a higher sequence."""
        query = "SELECT records.sequence, items.* FROM records JOIN items USING (number)"
        query += " WHERE key_id = %s AND sequence > %s ORDER BY sequence, number LIMIT %s"
        return [(row[0], Item(*row[1:])) for row in self._rows(query, key_id, sequence, limit)]

    def state(self) -> Iterator[tuple[bytes, bytes]]:
        query = "SELECT key, value FROM state WHERE key > %s ORDER BY key LIMIT %s"
        for row in self._pages(query, b"", lambda row: row[0]):
            yield row[0], row[1]

    def chains(self) -> Iterator[tuple[bytes, bytes]]:
        """(attestation key's id, state of its metering chain)"""
        query = "SELECT key_id, state FROM chains WHERE key_id > %s ORDER BY key_id LIMIT %s"
        for row in self._pages(query, b"", lambda row: row[0]):
            yield row[0], row[1]

    def enrolments(self) -> Iterator[tuple[bytes, bytes]]:
        """(attestation key's id, attestation result), in the order in which they were enrolled"""
        query = "SELECT key_id, encoded, number FROM enrolments JOIN items USING (number)"
        query += " WHERE number > %s ORDER BY number LIMIT %s"
        for row in self._pages(query, 0, lambda row: row[2]):
            yield row[0], row[1]

    def enrolment(self, key_id: bytes) -> bytes | None:
        row = self._one("SELECT encoded FROM enrolments JOIN items USING (number) WHERE key_id = %s", key_id)
        return None if row is None else bytes(row[0])

    # ---- The connection

    def _connect(self) -> "psycopg.Connection[Row]":
        db = psycopg.connect(
            self.place,
            autocommit=True,
            connect_timeout=CONNECT_PATIENCE_S,
            prepare_threshold=1,
            application_name="airgrant ledger",
        )
        try:
            if self._read_only:
                db.read_only = True
            else:
                self._become_writer(db)
        except BaseException:
            db.close()
            raise
        return db

    def _become_writer(self, db: "psycopg.Connection[Row]") -> None:
        db.execute("SET synchronous_commit = on")
        if db.execute("SHOW fsync").fetchone() != ("on",):
            raise ShellError(self.name, "has fsync off: what it acknowledges would not outlive a power cut")
        db.execute(f"SET lock_timeout = {LOCK_PATIENCE_MS}")
        try:
            db.execute("SELECT pg_advisory_lock(%s)", (WRITER_LOCK,))
        except errors.LockNotAvailable as error:
            raise ShellError(self.name, "another ledger writes to this database") from error

    def _live(self) -> "psycopg.Connection[Row]":
        if self._db.closed:
            if self._held:
                raise ShellError(self.name, "the connection broke while the log was read: begin again")
            self._db = self._connect()
            self._compare()
        return self._db

    def _compare(self) -> None:
        """Raises ShellError if this is not the log to which we wrote: blocks upon an older copy would leave a hole."""
        found = self._find_mark(self._db)
        if not self._read_only and found not in (self._mark, self._perhaps):
            self._db.close()
            where = f"is at block {found.height} now and was at block {self._mark.height}"
            raise ShellError(self.name, f"{where} before the connection broke: is it an older copy?")
        self._mark = found

    def _find_mark(self, db: "psycopg.Connection[Row]") -> Mark:
        if self._read_only:
            return Mark()
        with shell_errors(self.name):
            found = db.execute(_FIND_MARK, binary=True).fetchone()
        assert found is not None, "it asks for one row"
        return Mark(*found)

    def _prepare(self) -> None:
        with self._db.transaction():
            known = self._db.execute("SELECT to_regclass('ledger_schema')").fetchone()
            if known == (None,):
                self._db.execute(_SCHEMA)
                self._db.execute("INSERT INTO ledger_schema VALUES (%s)", (SCHEMA_VERSION,))
            found = self._db.execute("SELECT version FROM ledger_schema").fetchone()
        version = None if found is None else found[0]
        if version != SCHEMA_VERSION:
            self._db.close()
            raise ShellError(
                self.name,
                f"has schema {version}, this program reads schema {SCHEMA_VERSION} only: "
                "take it over by `airgrant ledger export` of the program that wrote it, and our `replay --into`",
            )

    @contextmanager
    def _transaction(self, after: Mark) -> "Iterator[psycopg.Cursor[Row]]":
        """After it, the log is there."""
        with shell_errors(self.name):
            db = self._live()
            self._perhaps = after
            with db.transaction(), db.cursor() as cursor:
                yield cursor
        self._mark = after

    def _one(self, query: str, *arguments: int | bytes) -> Row | None:
        rows = self._rows(query, *arguments)
        return rows[0] if rows else None

    def _rows(self, query: str, *arguments: int | bytes) -> list[Row]:
        with shell_errors(self.name):
            # The queries are ours, and constant: what comes from elsewhere is in the arguments.
            return self._live().execute(query, arguments, binary=True).fetchall()

    def _items(self, query: str, *arguments: int | bytes) -> list[Item]:
        return [Item(*row) for row in self._rows(query, *arguments)]

    def _pages(
        self, query: str, first: int | bytes, place: Callable[[Row], Any], *arguments: int
    ) -> Iterator[Row]:
        """All rows of a query that is asked with where it begins and how many it may give."""
        while page := self._rows(query, *arguments, first, PAGE_ROWS):
            yield from page
            first = place(page[-1])


def _insert(cursor: "psycopg.Cursor[Row]", block: BlockRows) -> None:
    _insert_height(cursor, block.height)
    cursor.execute("INSERT INTO blocks VALUES (%b, %b)", (block.height, block.header))
    if block.items:
        with cursor.copy(f"COPY items ({_ITEM}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(_ITEM_TYPES)
            for item in block.items:
                copy.write_row(
                    (
                        item.number,
                        item.height,
                        item.kind,
                        item.id,
                        item.valid_until_s,
                        item.encoded,
                        item.result,
                    )
                )
    _copy(cursor, "parties", pack_pairs(dict.fromkeys(block.parties)))
    _copy(cursor, "crowds", pack_crowds(block.crowds))
    _copy(cursor, "records", pack_triples(block.records))
    _copy(cursor, "enrolments", pack_pairs(block.enrolments))
    if block.state:
        _run(cursor, _PUT_STATE, *_columns(block.state))
    if block.chains:
        _run(cursor, _PUT_CHAINS, *_columns(block.chains))
    if block.removed:
        _run(cursor, "DELETE FROM state WHERE key = ANY(%b::bytea[])", [row[0] for row in block.removed])


def _insert_height(cursor: "psycopg.Cursor[Row]", height: int) -> None:
    cursor.execute(
        "INSERT INTO ordered VALUES (1, %b) ON CONFLICT (one) DO UPDATE SET height = excluded.height",
        (height,),
    )


def _run(cursor: "psycopg.Cursor[Row]", query: str, *columns: Sequence[bytes]) -> None:
    cursor.execute(query, columns)


def _columns(rows: Sequence[tuple[bytes, bytes]]) -> tuple[list[bytes], list[bytes]]:
    return [row[0] for row in rows], [row[1] for row in rows]


def _copy(cursor: "psycopg.Cursor[Row]", table: str, packed: bytes) -> None:
    if packed:
        with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(_COPY_HEAD + packed + _COPY_END)


def pack_pairs(rows: Iterable[tuple[bytes, int]]) -> bytes:
    """(octets, number) as COPY wants them in binary; by hand, as a bulk purchase has 100,000."""
    forms: dict[int, struct.Struct] = {}
    packed = []
    for octets, number in rows:
        size = len(octets)
        form = forms.get(size) or forms.setdefault(size, struct.Struct(f">hi{size}siq"))
        packed.append(form.pack(2, size, octets, 8, number))
    return b"".join(packed)


def pack_triples(rows: Iterable[tuple[bytes, int, int]]) -> bytes:
    """(octets, number, number), as `pack_pairs`."""
    forms: dict[int, struct.Struct] = {}
    packed = []
    for octets, one, other in rows:
        size = len(octets)
        form = forms.get(size) or forms.setdefault(size, struct.Struct(f">hi{size}siqiq"))
        packed.append(form.pack(3, size, octets, 8, one, 8, other))
    return b"".join(packed)


def pack_crowds(rows: Iterable[tuple[int, int, bytes]]) -> bytes:
    """(number, number, octets), as `pack_pairs`."""
    return b"".join(
        struct.pack(f">hiqiqi{len(octets)}s", 3, 8, bucket, 8, number, len(octets), octets)
        for bucket, number, octets in rows
    )


def _shown(place: str) -> str:
    """The address without its password. Raises ShellError if it is none."""
    try:
        parts = conninfo.conninfo_to_dict(place)
    except psycopg.Error:  # whose words quote the address
        raise ShellError("postgresql", "the address is no connection URI of libpq") from None
    where = parts.get("host") or "the local socket"
    return f"postgresql database {parts.get('dbname') or parts.get('user')} at {where}"


@contextmanager
def shell_errors(name: str) -> Iterator[None]:
    """Errors of PostgreSQL or of the way to it become ShellError."""
    try:
        yield
    except psycopg.Error as error:
        raise ShellError(name, " ".join(str(error).split()) or type(error).__name__) from error
