-- What was made of a run that has ended, kept so that it is made once. `key` says what else it was made of (the engine, limits, rules): under
-- another key it is made anew. `sequence` is how far the run had come: one that was resumed since has other answers.
CREATE TABLE answers (
    answer      INTEGER PRIMARY KEY,
    run         INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    sequence    INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    UNIQUE (run, name)
) STRICT;
