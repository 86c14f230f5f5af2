//! The outbox: notices on their way. What is in it arrives at least once: a message is marked as sent after its channel
//! took it, so a process killed in between sends it again, under the same key.

use engine_core::notice::{Delivery, Message, Notice};
use engine_core::run::Timestamp;
use rusqlite::{Connection, Row, TransactionBehavior, params};

use crate::error::{At, Error};
use crate::owner::{self, Owner};
use crate::told::{self, Told};
use crate::{Store, json};

/// How many sent and given-up messages are kept: the oldest go first.
const KEPT: i64 = 2_000;

/// A notice for a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct New {
    /// The same for the same notice to the same channel.
    pub key: String,
    /// The channel.
    pub channel: String,
    /// What it says.
    pub notice: Notice,
}

/// What came of putting notices into the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// They are in it, so many new ones.
    Done(usize),
    /// Another process has told some of it meanwhile; nothing was changed.
    Conflict,
    /// There is no room for all of them; nothing was changed, so they are gathered again later.
    Full,
}

/// How much a channel has had and has to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Waiting.
    pub pending: usize,
    /// Sent since a moment.
    pub sent: usize,
}

const COLUMNS: &str =
    "SELECT message, key, channel, created, state, attempts, due, sent, error, notice, lease, owner FROM outbox";

impl Store {
    /// Puts notices into the outbox and notes what people are told by them, both or neither. A key that is there already
    /// is not taken twice. `most` is how many messages may wait for one channel.
    ///
    /// # Errors
    /// Those of writing, after which nothing of it is stored.
    pub fn enqueue(&mut self, now: Timestamp, news: &[New], told: &[Told], most: usize) -> Result<Enqueued, Error> {
        let path = self.path.clone();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(&path)?;
        for one in told {
            if !told::mark(&transaction, one, now).at(&path)? {
                return Ok(Enqueued::Conflict);
            }
        }
        let mut added = 0;
        for new in news {
            if pending(&transaction, &new.channel).at(&path)? >= most {
                return Ok(Enqueued::Full);
            }
            let notice = json::write(&new.notice).map_err(|detail| Error::Unstorable {
                path: path.clone(),
                what: "a notice".to_owned(),
                detail,
            })?;
            let sql = "INSERT OR IGNORE INTO outbox (key, channel, created, state, attempts, due, lease, error, notice)
                       VALUES (?1, ?2, ?3, 'pending', 0, ?3, 0, '', ?4)";
            added += transaction.execute(sql, params![new.key, new.channel, now.0, notice]).at(&path)?;
        }
        transaction.commit().at(&path)?;
        Ok(Enqueued::Done(added))
    }

    /// Takes the oldest message of a channel that is due, for this process alone until `until`. A process that dies
    /// meanwhile leaves it to whoever looks next. What is sent more than once is so by this.
    ///
    /// # Errors
    /// Those of writing.
    pub fn take_message(&mut self, channel: &str, now: Timestamp, until: Timestamp) -> Result<Option<Message>, Error> {
        let path = self.path.clone();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(&path)?;
        // A date far ahead was written before the clock was set back: it must not hold the message for ever.
        let sql = format!(
            "{COLUMNS} WHERE state = 'pending' AND channel = ?1 AND (due <= ?2 OR due > ?3) ORDER BY message LIMIT 50"
        );
        let far = now.0.saturating_add(2 * DAY);
        let free = |(lease, owner): (i64, Option<String>)| {
            let lives = |text: String| json::read::<Owner>(&text).is_ok_and(|owner| owner.lives(now, owner::now()));
            lease <= now.0 || lease > far || !owner.is_some_and(lives)
        };
        let found = {
            let mut statement = transaction.prepare_cached(&sql).at(&path)?;
            let mut rows = statement.query(params![channel, now.0, far]).at(&path)?;
            let mut found = None;
            while let Some(row) = rows.next().at(&path)? {
                let held = (row.get(10).at(&path)?, row.get(11).at(&path)?);
                if free(held) {
                    found = Some(message_of(row).at(&path)?);
                    break;
                }
            }
            found
        };
        if let Some(message) = &found {
            let me = json::write(&Owner::current()).unwrap_or_default();
            let sql = "UPDATE outbox SET lease = ?2, owner = ?3, attempts = attempts + 1 WHERE message = ?1";
            transaction.execute(sql, params![message.id, until.0, me]).at(&path)?;
        }
        transaction.commit().at(&path)?;
        Ok(found.map(|message| Message { attempts: message.attempts + 1, ..message }))
    }

    /// Notes what came of a try: sent, to be tried again at `due`, or given up.
    ///
    /// # Errors
    /// Those of writing.
    pub fn settle_message(
        &mut self,
        id: i64,
        state: Delivery,
        now: Timestamp,
        due: Timestamp,
        error: &str,
    ) -> Result<(), Error> {
        let sent = (state == Delivery::Sent).then_some(now.0);
        let sql = "UPDATE outbox SET state = ?2, sent = ?3, due = ?4, error = ?5, lease = 0 WHERE message = ?1";
        self.connection.execute(sql, params![id, state.name(), sent, due.0, error]).at(&self.path)?;
        let old = "DELETE FROM outbox WHERE state <> 'pending' AND message NOT IN
                   (SELECT message FROM outbox WHERE state <> 'pending' ORDER BY message DESC LIMIT ?1)";
        self.connection.execute(old, [KEPT]).at(&self.path).map(|_| ())
    }

    /// Tries everything that waits or was given up again, from now on. Gives how many.
    ///
    /// # Errors
    /// Those of writing.
    pub fn retry_messages(&mut self, now: Timestamp) -> Result<usize, Error> {
        let sql = "UPDATE outbox SET state = 'pending', due = ?1, attempts = 0 WHERE state <> 'sent' AND lease <= ?1";
        self.connection.execute(sql, [now.0]).at(&self.path)
    }

    /// Waiting messages of a channel, oldest first: what they say can be gathered into one.
    ///
    /// # Errors
    /// Those of reading.
    pub fn outbox(&self, channel: Option<&str>, state: Option<Delivery>, limit: usize) -> Result<Vec<Message>, Error> {
        let sql = format!(
            "{COLUMNS} WHERE (?1 IS NULL OR channel = ?1) AND (?2 IS NULL OR state = ?2) ORDER BY message DESC LIMIT ?3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(&sql).at(&self.path)?;
        statement
            .query_map(params![channel, state.map(Delivery::name), limit], message_of)
            .and_then(Iterator::collect)
            .at(&self.path)
    }

    /// How much waits for a channel, and how much it has had since a moment.
    ///
    /// # Errors
    /// Those of reading.
    pub fn channel_load(&self, channel: &str, since: Timestamp) -> Result<Load, Error> {
        let sql = "SELECT (SELECT count(*) FROM outbox WHERE channel = ?1 AND state = 'pending'),
                          (SELECT count(*) FROM outbox WHERE channel = ?1 AND state = 'sent' AND sent > ?2)";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        statement
            .query_row(params![channel, since.0], |row| Ok(Load { pending: count(row, 0)?, sent: count(row, 1)? }))
            .at(&self.path)
    }

    /// Makes one message of several that wait: the first says `notice` from now on, the others are gone. False when one of
    /// them has been taken meanwhile; then nothing was changed.
    ///
    /// # Errors
    /// Those of writing, after which nothing of it is stored.
    pub fn merge_messages(&mut self, ids: &[i64], notice: &Notice, now: Timestamp) -> Result<bool, Error> {
        let Some((first, rest)) = ids.split_first() else { return Ok(true) };
        let path = self.path.clone();
        let data = json::write(notice).map_err(|detail| Error::Unstorable {
            path: path.clone(),
            what: "a notice".to_owned(),
            detail,
        })?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(&path)?;
        // One that was tried may have arrived, and its key then means what it said.
        let free = "state = 'pending' AND lease <= ?2 AND attempts = 0";
        let changed = transaction
            .execute(
                &format!("UPDATE outbox SET notice = ?3 WHERE message = ?1 AND {free}"),
                params![first, now.0, data],
            )
            .at(&path)?;
        let mut gone = 0;
        for id in rest {
            let sql = format!("DELETE FROM outbox WHERE message = ?1 AND {free}");
            gone += transaction.execute(&sql, params![id, now.0]).at(&path)?;
        }
        if changed != 1 || gone != rest.len() {
            return Ok(false);
        }
        transaction.commit().at(&path)?;
        Ok(true)
    }
}

/// Microseconds.
const DAY: i64 = 86_400_000_000;

fn pending(connection: &Connection, channel: &str) -> rusqlite::Result<usize> {
    let sql = "SELECT count(*) FROM outbox WHERE channel = ?1 AND state = 'pending'";
    connection.prepare_cached(sql)?.query_row([channel], |row| count(row, 0))
}

/// A number of rows, which SQLite keeps with a sign.
pub(crate) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    row.get::<_, i64>(column).map(|count| usize::try_from(count).unwrap_or(0))
}

fn message_of(row: &Row<'_>) -> rusqlite::Result<Message> {
    let word = |column: usize, detail: String| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, detail.into())
    };
    let (state, notice): (String, String) = (row.get(4)?, row.get(9)?);
    Ok(Message {
        id: row.get(0)?,
        key: row.get(1)?,
        channel: row.get(2)?,
        created: Timestamp(row.get(3)?),
        state: json::named(&state).map_err(|detail| word(4, detail))?,
        attempts: row.get(5)?,
        due: Timestamp(row.get(6)?),
        sent: row.get::<_, Option<i64>>(7)?.map(Timestamp),
        error: row.get(8)?,
        notice: json::read(&notice).map_err(|detail| word(9, detail))?,
    })
}
