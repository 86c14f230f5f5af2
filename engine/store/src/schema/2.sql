-- Version 2: loads. A latency histogram beside the samples, and the course of a load in windows of a second.

-- Filled buckets only, as variable-length whole numbers; see `Packed` in the core. Null where samples are kept one by one.
ALTER TABLE samples ADD COLUMN histogram BLOB;

CREATE TABLE windows (
    window      INTEGER PRIMARY KEY,
    run         INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    step        INTEGER NOT NULL,
    round       INTEGER NOT NULL,
    at          REAL    NOT NULL,             -- seconds since the load's start
    seconds     REAL    NOT NULL,
    users       INTEGER NOT NULL,
    phase       TEXT    NOT NULL
) STRICT;
CREATE INDEX windows_by_step ON windows (run, step);

-- What ended in a window: everything together, and each endpoint.
CREATE TABLE window_rows (
    window      INTEGER NOT NULL REFERENCES windows ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    labels      TEXT    NOT NULL,             -- JSON object; empty for everything
    counts      BLOB    NOT NULL,             -- started ok failed timed_out cut_off bytes_in bytes_out: 64 bits each, little-endian
    response    BLOB,
    service     BLOB,
    lag         BLOB,
    errors      TEXT,                         -- JSON array of [class, count]; null for none
    PRIMARY KEY (window, position)
) STRICT, WITHOUT ROWID;
