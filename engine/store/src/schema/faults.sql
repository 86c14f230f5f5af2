-- What became of the victim in each repetition of a fault.
CREATE TABLE faults (
    run         INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    step        INTEGER NOT NULL,
    round       INTEGER NOT NULL,
    verdict     TEXT    NOT NULL,             -- recovered not_recovered inconclusive
    data        TEXT    NOT NULL,             -- all of it, as JSON
    PRIMARY KEY (run, step, round)
) STRICT, WITHOUT ROWID;
