-- A database as version 1 made it. Never changed.
PRAGMA application_id = 0x63686174;
PRAGMA user_version = 1;
CREATE TABLE rooms (
    room     INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    folded   TEXT UNIQUE,           -- the name without case; NULL once it is forgotten and its lines still go
    topic    TEXT,
    topic_by TEXT,
    modes    TEXT NOT NULL,         -- letters of i, m and t
    key      TEXT,
    ops      TEXT NOT NULL,         -- accounts, with spaces between
    first_id INTEGER NOT NULL,      -- the smallest id that is still here; behind last_id if there is none; 0 if none ever was
    last_id  INTEGER NOT NULL
) STRICT;
CREATE TABLE log (
    seq     INTEGER PRIMARY KEY,    -- the order of all rooms, never given twice
    room    INTEGER NOT NULL REFERENCES rooms,
    id      INTEGER NOT NULL,
    at      INTEGER NOT NULL,       -- milliseconds since 1970, UTC
    kind    INTEGER NOT NULL,       -- 0 said; a change: 1 edited, 2 deleted, 3 reacted, 4 unreacted
    author  TEXT NOT NULL,
    signed  INTEGER NOT NULL,
    cid     TEXT,
    act     INTEGER NOT NULL,
    re      INTEGER,
    target  INTEGER,                -- of a change: the line
    whose   TEXT,                   -- of a change: the line's author
    version INTEGER NOT NULL,       -- of a line: 0 first, 1 edited, 2 deleted
    text    TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX log_by_id ON log (room, id);
CREATE INDEX log_by_edit ON log (room, target) WHERE kind = 1;
CREATE TABLE audit (
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL,
    what   TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE TABLE state (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    forgotten_id INTEGER NOT NULL   -- the greatest id that a forgotten room had given
) STRICT;
INSERT INTO state VALUES (1, 0);
UPDATE state SET forgotten_id = 17;
INSERT INTO rooms VALUES (1, '#Rust', '#rust', 'crates', 'budi', '', NULL, '', 1, 4);
INSERT INTO log VALUES (1, 1, 1, 1000, 0, 'ani', 0, 'cid-of-the-first', 0, NULL, NULL, NULL, 1, 'an old line, corrected');
INSERT INTO log VALUES (2, 1, 2, 2000, 0, 'budi', 1, NULL, 0, 1, NULL, NULL, 2, '');
INSERT INTO log VALUES (3, 1, 3, 3000, 1, 'ani', 0, NULL, 0, NULL, 1, 'ani', 0, 'an old line, corrected');
INSERT INTO log VALUES (4, 1, 4, 4000, 2, 'budi', 1, NULL, 0, NULL, 2, 'budi', 0, '');
INSERT INTO audit VALUES (5000, 'ani', 'grant', 'budi', 'op');
