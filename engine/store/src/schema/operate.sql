-- Schedules with what came of each of their times, what people were told of alerts, and the notices on their way.

CREATE TABLE schedules (
    name        TEXT    NOT NULL PRIMARY KEY,
    data        TEXT    NOT NULL,             -- JSON
    enabled     INTEGER NOT NULL,
    due         INTEGER NOT NULL,             -- the last time of its pattern that was dealt with
    checked     INTEGER NOT NULL              -- when it was looked at last
) STRICT, WITHOUT ROWID;

CREATE TABLE occurrences (
    occurrence  INTEGER PRIMARY KEY,
    schedule    TEXT    NOT NULL,             -- outlives the schedule
    due         INTEGER NOT NULL,
    cause       TEXT    NOT NULL,             -- scheduled catch-up manual confirm
    started     INTEGER NOT NULL,
    ended       INTEGER,
    ending      TEXT    NOT NULL,             -- running ran failed timed-out skipped missed lost
    times       INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    exit        INTEGER,
    run         TEXT,
    owner       TEXT                          -- JSON, while it is going: the process that started it
) STRICT;
CREATE INDEX occurrences_by_schedule ON occurrences (schedule, started);

-- What people were last told of a rule and a subject.
CREATE TABLE told (
    rule        TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    suite       TEXT    NOT NULL,
    machine     TEXT    NOT NULL,
    branch      TEXT    NOT NULL,             -- empty: none
    state       TEXT    NOT NULL,             -- firing resolved
    alert       TEXT    NOT NULL,             -- id of the alert that it was about
    at          INTEGER NOT NULL,
    silent      INTEGER NOT NULL,             -- 1: it was counted in with another notice, so its end is not told either
    PRIMARY KEY (rule, subject, suite, machine, branch)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    message     INTEGER PRIMARY KEY,
    key         TEXT    NOT NULL UNIQUE,      -- sent along: the same at every try
    channel     TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    state       TEXT    NOT NULL,             -- pending sent dead
    attempts    INTEGER NOT NULL,
    due         INTEGER NOT NULL,             -- when it is tried next
    lease       INTEGER NOT NULL,             -- until then one process is sending it
    owner       TEXT,                         -- JSON: that process
    sent        INTEGER,
    error       TEXT    NOT NULL,
    notice      TEXT    NOT NULL              -- JSON; never a secret
) STRICT;
CREATE INDEX outbox_by_state ON outbox (state, channel, due);
CREATE INDEX outbox_by_sent ON outbox (channel, sent);

-- Where an alert about a history is thought to have begun, and how many runs in a row have agreed on it.
CREATE TABLE places (
    alert       TEXT    NOT NULL PRIMARY KEY,  -- id
    run         TEXT    NOT NULL,
    agreed      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
