//! What happens to connections: events of sockets, and what follows from the bytes that they bring.

use super::conn::{Role, Stage};
use super::two::Two;
use super::{Inbox, Net, Stream};
use crate::driver::{Event, Key};
use crate::error::{ErrorClass, Failure};
use crate::http::Progress;

impl Net {
    /// Something happened to a socket.
    pub(crate) fn handle(&mut self, stamp: u64, key: Key, event: Event<'_>) {
        if event == Event::Closed {
            self.conns[key] = None;
            self.open -= 1;
            return;
        }
        let Some(conn) = self.conns.get_mut(key).and_then(Option::as_deref_mut) else { return };
        if conn.stage == Stage::Dead {
            return;
        }
        // Of datagrams an error is the last one's, and an empty one is no end.
        if let (Role::Stream(stream), Event::End(result) | Event::Sent(result @ Err(_))) = (&mut conn.role, event)
            && stream.is_datagrams()
        {
            match result {
                Ok(()) => stream.take(stamp, &[], &mut Vec::new()),
                Err(errno) => stream.end(stamp, Err(errno)),
            }
            if matches!(event, Event::End(_)) {
                self.to_receive.push(key);
            } else {
                conn.sending = false;
                self.to_send.push(key);
            }
            return self.nudge(key);
        }
        match event {
            Event::Connected(Ok(())) => {
                conn.connected_at = stamp;
                self.to_receive.push(key);
                if conn.layer.is_some() {
                    conn.stage = Stage::Handshake;
                    self.take_in(stamp, key, &[]);
                } else {
                    self.stands(stamp, key);
                }
            }
            Event::Connected(Err(errno)) => {
                let class = ErrorClass::of_connect(errno);
                self.fail(stamp, key, Failure::new(class, std::io::Error::from_raw_os_error(errno).to_string()));
            }
            Event::Sent(result) => {
                conn.sending = false;
                conn.broken |= result == Err(libc::ECONNRESET);
                // A failure shows on the receiving side too, perhaps after an answer that says why.
                if result.is_ok() {
                    self.to_send.push(key);
                }
            }
            Event::Data(bytes) => {
                if conn.layer.is_some() {
                    self.take_in(stamp, key, bytes);
                } else {
                    self.feed(stamp, key, bytes);
                }
            }
            Event::End(result) => self.end(stamp, key, result),
            Event::Closed => {}
        }
    }

    /// Bytes of an encrypted connection, or none to begin with.
    fn take_in(&mut self, stamp: u64, key: Key, bytes: &[u8]) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let Some(layer) = &mut conn.layer else { return };
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        conn.out_is_request = false;
        let result = layer.incoming(bytes, &mut plain, &mut conn.out);
        let (ready, ended) = (layer.is_ready(), result.is_ok() && layer.has_ended());
        if !conn.out.is_empty() {
            self.to_send.push(key);
        }
        if conn.stage == Stage::Handshake && ready && result.is_ok() {
            self.stands(stamp, key);
        }
        if !plain.is_empty() {
            self.feed(stamp, key, &plain);
        }
        self.plain = plain;
        match result {
            Err(failure) if self.is_alive(key) => self.fail(stamp, key, failure),
            Ok(()) if ended && self.is_alive(key) => self.end(stamp, key, Ok(())),
            _ => {}
        }
    }

    fn is_alive(&self, key: Key) -> bool {
        self.conns[key].as_deref().is_some_and(|conn| conn.stage != Stage::Dead)
    }

    /// Bytes of the protocol.
    fn feed(&mut self, stamp: u64, key: Key, bytes: &[u8]) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let receiver = match &mut conn.role {
            Role::One(Some(receiver), _) => receiver,
            Role::One(None, _) => {
                // Nobody asked: what the other side says now would be taken for the next answer.
                conn.stage = Stage::Dead;
                self.to_close.push((key, false));
                return;
            }
            Role::Two(two) => {
                two.take(stamp, bytes);
                return self.drive(stamp, key);
            }
            Role::Stream(_) => return self.feed_stream(stamp, key, bytes),
        };
        if conn.first_at == 0 {
            conn.first_at = stamp;
        }
        match receiver.take(bytes, &mut self.memo) {
            Ok(Progress::More) if receiver.is_body_wanted() && conn.rest.is_some() => {
                let at = super::ConnRef { key, id: conn.id };
                if let Err(failure) = self.send_rest(at) {
                    self.fail(stamp, key, failure);
                }
            }
            Ok(Progress::More) => {}
            Ok(Progress::Done(used)) => {
                if receiver.is_upgraded() && matches!(conn.role, Role::One(_, Some(_))) {
                    return self.upgrade(stamp, key, &bytes[used..]);
                }
                if used < bytes.len() {
                    let what = format!("{} bytes after the answer", bytes.len() - used);
                    return self.fail(stamp, key, Failure::new(ErrorClass::ExcessData, what));
                }
                self.answered(stamp, key);
            }
            Err(failure) => self.fail(stamp, key, failure),
        }
    }

    /// The server agrees to speak something else from here on.
    fn upgrade(&mut self, stamp: u64, key: Key, rest: &[u8]) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let Role::One(Some(receiver), Some(client)) = std::mem::replace(&mut conn.role, Role::One(None, None)) else {
            return;
        };
        let mut stream = Stream::new(Inbox::WebSocket(client), u64::MAX);
        stream.at = stamp;
        conn.role = Role::Stream(Box::new(stream));
        conn.stage = Stage::Idle;
        let delivery = conn.delivery(stamp, Some(receiver));
        self.woken.push((conn.owner, Some(delivery)));
        if !rest.is_empty() {
            self.feed_stream(stamp, key, rest);
        }
    }

    fn feed_stream(&mut self, stamp: u64, key: Key, bytes: &[u8]) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let Role::Stream(stream) = &mut conn.role else { return };
        let mut answer = Vec::new();
        stream.take(stamp, bytes, &mut answer);
        if !answer.is_empty() {
            // Where it cannot be said, receiving shows why.
            let _ = conn.put(&answer);
            self.to_send.push(key);
        }
        self.nudge(key);
    }

    /// Wakes a stream's user, if it waits for it.
    fn nudge(&mut self, key: Key) {
        if let Some(conn) = self.conns[key].as_deref_mut()
            && let Role::Stream(stream) = &mut conn.role
            && std::mem::take(&mut stream.waiting)
        {
            self.woken.push((conn.owner, None));
        }
    }

    /// The answer is complete.
    fn answered(&mut self, stamp: u64, key: Key) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let Role::One(receiver, _) = &mut conn.role else { return };
        let Some(receiver) = receiver.take() else { return };
        // An answer before the request was sent whole leaves the connection in an unknown state.
        if receiver.reusable() && !conn.sending && conn.rest.is_none() {
            conn.stage = Stage::Idle;
        } else {
            conn.stage = Stage::Dead;
            self.to_close.push((key, false));
        }
        let delivery = conn.delivery(stamp, Some(receiver));
        self.woken.push((conn.owner, Some(delivery)));
    }

    /// The other side sends no more, or the connection broke.
    fn end(&mut self, stamp: u64, key: Key, result: Result<(), i32>) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        // A reset is told only once: here, or to what was being sent.
        let result = if conn.broken { result.and(Err(libc::ECONNRESET)) } else { result };
        // Without the channel's own farewell anybody can have cut the rest off (RFC 9112, 9.8).
        let whole = conn.layer.as_mut().is_none_or(|layer| layer.has_ended());
        if let Role::Stream(stream) = &mut conn.role
            && conn.stage == Stage::Idle
        {
            stream.end(stamp, result);
            return self.nudge(key);
        }
        if let Role::Two(two) = &mut conn.role {
            two.end(stamp, result, &mut self.woken);
            return self.die(key);
        }
        let failure = match (conn.role.receiver(), result) {
            (Some(receiver), Ok(())) if !whole && receiver.is_until_end() => {
                let detail = format!("after {} bytes, without the farewell of TLS", receiver.received());
                Failure::new(ErrorClass::ClosedInBody, detail)
            }
            (Some(receiver), Ok(())) => match receiver.end() {
                Ok(()) => return self.answered(stamp, key),
                Err(failure) => failure,
            },
            (Some(receiver), Err(errno)) => {
                let class = if receiver.in_body() {
                    ErrorClass::ResetInBody
                } else if receiver.has_begun() {
                    ErrorClass::ResetInHead
                } else {
                    ErrorClass::Reset
                };
                let words = std::io::Error::from_raw_os_error(errno);
                Failure::new(class, format!("{words}, after {} bytes", receiver.received()))
            }
            (None, result) if conn.stage == Stage::Handshake => {
                let how = result
                    .map_or_else(|errno| std::io::Error::from_raw_os_error(errno).to_string(), |()| "closed".into());
                Failure::new(ErrorClass::Tls, format!("{how}, within the handshake"))
            }
            (None, _) => {
                // An idle connection that the other side gave up.
                conn.stage = Stage::Dead;
                self.to_close.push((key, false));
                return;
            }
        };
        self.fail(stamp, key, failure);
    }

    fn fail(&mut self, stamp: u64, key: Key, failure: Failure) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let idle = conn.stage == Stage::Idle;
        if let (true, Role::Stream(stream)) = (idle, &mut conn.role) {
            // It stays until its user has taken what came.
            stream.ended.get_or_insert(Err(failure));
            return self.nudge(key);
        }
        if let Role::Two(two) = &mut conn.role {
            two.break_off(stamp, &failure, &mut self.woken);
        }
        conn.stage = Stage::Dead;
        self.to_close.push((key, false));
        // Of an idle connection nobody wants to know.
        if !idle {
            self.wake(stamp, key, Err(failure));
        }
    }

    fn wake(&mut self, stamp: u64, key: Key, result: Result<(), Failure>) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let mut delivery = conn.delivery(stamp, None);
        if let Err(failure) = result {
            delivery.received = conn.role.receiver().map_or(0, |receiver| receiver.received());
            delivery.result = Err(failure);
        }
        self.woken.push((conn.owner, Some(delivery)));
    }

    /// Lets HTTP/2 go on as far as it can.
    pub(super) fn drive(&mut self, stamp: u64, key: Key) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let Role::Two(two) = &mut conn.role else { return };
        let mut out = std::mem::take(&mut self.frames);
        two.drive(stamp, &mut out, &mut self.woken);
        let over = two.is_over();
        if !out.is_empty() {
            if let Err(failure) = conn.put(&out) {
                return self.fail(stamp, key, failure);
            }
            self.to_send.push(key);
        }
        out.clear();
        self.frames = out;
        if over {
            self.die(key);
        }
    }

    /// The connection stands: what is agreed on begins.
    fn stands(&mut self, stamp: u64, key: Key) {
        let Some(conn) = self.conns[key].as_deref_mut() else { return };
        let plain_two = conn.two_only && conn.layer.is_none();
        if plain_two || conn.layer.as_ref().is_some_and(|layer| layer.is_two()) {
            match Two::new(conn.connected_at) {
                Ok(two) => conn.role = Role::Two(Box::new(two)),
                Err(failure) => return self.fail(stamp, key, failure),
            }
        } else if conn.two_only {
            let failure = Failure::new(ErrorClass::Http2, "the host does not agree to HTTP/2");
            return self.fail(stamp, key, failure);
        }
        conn.stage = Stage::Idle;
        self.wake(stamp, key, Ok(()));
        self.drive(stamp, key);
    }

    /// Nothing more is wanted of the connection.
    fn die(&mut self, key: Key) {
        if let Some(conn) = self.conns[key].as_deref_mut() {
            conn.stage = Stage::Dead;
            self.to_close.push((key, false));
        }
    }
}
