-- Experiments of `engine advise --verify`: what a rule predicted, and what was measured.
CREATE TABLE experiments (
    experiment INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    rule TEXT NOT NULL,
    -- The run that the prediction is from, and that of the experiment: kept as text, so that pruning takes neither with it.
    predicted_by TEXT NOT NULL,
    measured_by TEXT NOT NULL,
    predicted REAL NOT NULL,
    predicted_low REAL NOT NULL,
    predicted_high REAL NOT NULL,
    measured REAL NOT NULL,
    measured_low REAL NOT NULL,
    measured_high REAL NOT NULL
) STRICT;
CREATE INDEX experiments_by_rule ON experiments (rule);
