-- Version 1. Numbers are in the metric's unit, times in seconds since the run's start, calendar times in microseconds
-- since 1970 UTC. Columns named like JSON hold what is only ever read back whole.

CREATE TABLE runs (
    run         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,      -- sorts by time
    suite       TEXT    NOT NULL,
    source      TEXT    NOT NULL,             -- file of the scenario, or embedded:NAME
    hash        TEXT    NOT NULL,             -- SHA-256 of its text
    profile     TEXT    NOT NULL,
    tiny        INTEGER NOT NULL,             -- 1: kept out of history
    state       TEXT    NOT NULL,             -- running complete partial crashed
    validity    TEXT    NOT NULL,             -- JSON: level and reasons
    started     INTEGER NOT NULL,
    duration    REAL    NOT NULL,
    commit_id   TEXT,
    branch      TEXT,
    dirty       INTEGER,
    committed   INTEGER,                      -- seconds since 1970
    machine     TEXT    NOT NULL,
    class       TEXT    NOT NULL,             -- environment class
    tags        TEXT    NOT NULL,             -- JSON object
    engine      TEXT    NOT NULL,
    seed        TEXT    NOT NULL,             -- 64 bits without a sign, as decimal text
    sequence    INTEGER NOT NULL,             -- last event applied
    owner       TEXT,                         -- JSON: the process that writes it
    touched     INTEGER NOT NULL              -- last commit
) STRICT;
CREATE INDEX runs_by_start ON runs (started);
CREATE INDEX runs_by_suite ON runs (suite, started);
CREATE INDEX runs_unfinished ON runs (state) WHERE state = 'running';

-- Apart from the runs, whose small rows change with every commit.
CREATE TABLE headers (
    run         INTEGER PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    header      TEXT    NOT NULL,             -- JSON: the whole header with plan and environment
    after       TEXT                          -- JSON: the environment at the end
) STRICT;

CREATE TABLE steps (
    run         INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    step        INTEGER NOT NULL,             -- index in the plan
    name        TEXT    NOT NULL,
    labels      TEXT    NOT NULL,             -- JSON object
    kind        TEXT,                         -- measured skipped failed; null while it has not ended
    outcome     TEXT,                         -- JSON
    stop        TEXT,                         -- JSON
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;

-- What a line of a trend shows: the same step, labels and metric over all runs of a suite.
CREATE TABLE series (
    series      INTEGER PRIMARY KEY,
    suite       TEXT    NOT NULL,
    step        TEXT    NOT NULL,
    metric      TEXT    NOT NULL,
    labels      TEXT    NOT NULL,             -- JSON object: the step's and the measurement's
    unit        TEXT    NOT NULL,
    goal        TEXT    NOT NULL,
    nature      TEXT    NOT NULL,
    UNIQUE (metric, suite, step, labels, unit, goal, nature)
) STRICT;

CREATE TABLE measurements (
    measurement INTEGER PRIMARY KEY,
    run         INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    step        INTEGER NOT NULL,
    series      INTEGER NOT NULL REFERENCES series,
    labels      TEXT    NOT NULL,             -- JSON object: beyond the step's own
    UNIQUE (run, step, series, labels)
) STRICT;
CREATE INDEX measurements_by_series ON measurements (series, run);

CREATE TABLE rounds (
    round       INTEGER PRIMARY KEY,
    run         INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    step        INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    at          REAL,
    seconds     REAL,
    taints      TEXT    NOT NULL,             -- JSON array
    superseded  INTEGER NOT NULL              -- 1: a later attempt counts instead
) STRICT;
CREATE INDEX rounds_by_step ON rounds (run, step, number);

-- The values of one metric in one round, in order of recording.
CREATE TABLE samples (
    sample      INTEGER PRIMARY KEY,
    measurement INTEGER NOT NULL REFERENCES measurements ON DELETE CASCADE,
    round       INTEGER NOT NULL REFERENCES rounds ON DELETE CASCADE,
    value       REAL,                         -- what the round counts with; null without samples
    data        BLOB    NOT NULL              -- every sample: 64-bit IEEE 754, little-endian
) STRICT;
CREATE INDEX samples_by_measurement ON samples (measurement);
CREATE INDEX samples_by_round ON samples (round);

CREATE TABLE host (
    run         INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    at          REAL,
    data        TEXT    NOT NULL,             -- JSON
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE notes (
    run         INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    data        TEXT    NOT NULL,             -- JSON
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE judged (
    run         INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    judgement   TEXT    NOT NULL,
    data        TEXT    NOT NULL,             -- JSON
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE annotations (
    annotation  INTEGER PRIMARY KEY,
    run         INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    at          INTEGER NOT NULL,
    text        TEXT    NOT NULL
) STRICT;
CREATE INDEX annotations_by_run ON annotations (run);

CREATE TABLE baselines (
    baseline    INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL,
    suite       TEXT    NOT NULL,
    machine     TEXT    NOT NULL,
    branch      TEXT,
    created     INTEGER NOT NULL,
    who         TEXT    NOT NULL,
    why         TEXT    NOT NULL,
    protected   INTEGER NOT NULL,             -- 1: pruning leaves its runs alone
    UNIQUE (name, suite, machine)
) STRICT;

CREATE TABLE baseline_runs (
    baseline    INTEGER NOT NULL REFERENCES baselines ON DELETE CASCADE,
    run         INTEGER NOT NULL REFERENCES runs ON DELETE RESTRICT,
    PRIMARY KEY (baseline, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX baseline_runs_by_run ON baseline_runs (run);
