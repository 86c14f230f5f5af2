-- Readings of the system monitor as bytes instead of JSON: a run of a day has 86,400 of them, and is read in a moment. Rows that
-- have them have an empty `data`; see `hosts.rs`.
ALTER TABLE host ADD COLUMN packed BLOB;
