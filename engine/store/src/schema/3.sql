-- Version 3: baselines by branch and with an end, levels accepted as normal, verdicts that can be looked up, alerts with
-- their life.

-- The identity of a baseline gains the branch; a table's key is changed by making it anew.
CREATE TABLE new_baselines (
    baseline    INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL,
    suite       TEXT    NOT NULL,
    machine     TEXT    NOT NULL,
    branch      TEXT    NOT NULL,             -- empty: none
    created     INTEGER NOT NULL,
    who         TEXT    NOT NULL,
    why         TEXT    NOT NULL,
    protected   INTEGER NOT NULL,             -- 1: pruning leaves its runs alone, until it expires
    expires     INTEGER,                      -- from then on it is not used and protects nothing
    UNIQUE (name, suite, machine, branch)
) STRICT;
INSERT INTO new_baselines
    SELECT baseline, name, suite, machine, coalesce(branch, ''), created, who, why, protected, NULL FROM baselines;

CREATE TABLE new_baseline_runs (
    baseline    INTEGER NOT NULL REFERENCES new_baselines ON DELETE CASCADE,
    run         INTEGER NOT NULL REFERENCES runs ON DELETE RESTRICT,
    PRIMARY KEY (baseline, run)
) STRICT, WITHOUT ROWID;
INSERT INTO new_baseline_runs SELECT baseline, run FROM baseline_runs;

DROP TABLE baseline_runs;
DROP TABLE baselines;
ALTER TABLE new_baselines RENAME TO baselines;
ALTER TABLE new_baseline_runs RENAME TO baseline_runs;
CREATE INDEX baseline_runs_by_run ON baseline_runs (run);

-- From a moment on, the level of a scenario on a branch and a machine is the new normal. Outlives the run.
CREATE TABLE acceptances (
    acceptance  INTEGER PRIMARY KEY,
    suite       TEXT    NOT NULL,
    machine     TEXT    NOT NULL,
    branch      TEXT    NOT NULL,             -- empty: none
    series      TEXT    NOT NULL,             -- selector; empty: all series
    run         TEXT    NOT NULL,             -- id of the first run that counts
    started     INTEGER NOT NULL,             -- when that run started
    at          INTEGER NOT NULL,
    who         TEXT    NOT NULL,
    why         TEXT    NOT NULL
) STRICT;
CREATE INDEX acceptances_by_suite ON acceptances (suite, machine, branch);

-- Runs that were judged worse than what they were held against: an automatic baseline leaves them out.
CREATE TABLE rejections (
    run         INTEGER PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    at          INTEGER NOT NULL,
    why         TEXT    NOT NULL
) STRICT;

-- Verdicts that were shown, with the data that they rest on.
CREATE TABLE verdicts (
    id          TEXT    NOT NULL PRIMARY KEY,
    kind        TEXT    NOT NULL,             -- compare gate trend alert
    at          INTEGER NOT NULL,             -- when it was first shown
    data        TEXT    NOT NULL              -- JSON
) STRICT, WITHOUT ROWID;
CREATE INDEX verdicts_by_time ON verdicts (at);

CREATE TABLE alerts (
    alert       INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    rule        TEXT    NOT NULL,             -- expectation verdict change-point health failure
    subject     TEXT    NOT NULL,             -- what it is about: a series, a step, a row of the health
    suite       TEXT    NOT NULL,
    machine     TEXT    NOT NULL,
    branch      TEXT    NOT NULL,             -- empty: none
    state       TEXT    NOT NULL,             -- pending firing acknowledged silenced resolved
    summary     TEXT    NOT NULL,
    verdict     TEXT,                         -- id of the verdict
    first_run   TEXT    NOT NULL,
    last_run    TEXT    NOT NULL,
    raised      INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    times       INTEGER NOT NULL,             -- runs that raised it
    until       INTEGER,                      -- silenced until then
    label       TEXT,                         -- true false ignored
    began       TEXT                          -- run with which a change began, where that is known
) STRICT;
-- One alert of a rule and a series is open at a time.
CREATE UNIQUE INDEX alerts_open ON alerts (rule, subject, suite, machine, branch) WHERE state <> 'resolved';
CREATE INDEX alerts_by_time ON alerts (raised);

CREATE TABLE alert_steps (
    alert       INTEGER NOT NULL REFERENCES alerts ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    state       TEXT    NOT NULL,             -- what it became, or `labelled`
    who         TEXT    NOT NULL,             -- empty: the engine itself
    why         TEXT    NOT NULL,
    run         TEXT,
    PRIMARY KEY (alert, position)
) STRICT, WITHOUT ROWID;

-- Regressions that nothing reported, as the user says.
CREATE TABLE misses (
    miss        INTEGER PRIMARY KEY,
    subject     TEXT    NOT NULL,
    suite       TEXT    NOT NULL,
    machine     TEXT    NOT NULL,
    branch      TEXT    NOT NULL,
    began       TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    who         TEXT    NOT NULL,
    why         TEXT    NOT NULL
) STRICT;
