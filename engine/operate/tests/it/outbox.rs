//! The outbox: nothing lost, nothing twice but where it must be, no storm.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::time::Duration;

use engine_core::alert::{Rule, Signal, Strength};
use engine_core::clock::{Clock, SimulatedClock};
use engine_core::notice::{Delivery, Message, NoticeKind};
use engine_core::run::{RunId, Timestamp};
use engine_operate::settings::{Settings, Wanted};
use engine_operate::{Channel, Secrets, SendError, deliver, gather};
use engine_store::{Place, Store};

/// Keeps what it gets; fails as often as it is told.
#[derive(Debug, Default)]
struct Kept {
    got: RefCell<Vec<Message>>,
    fails: Cell<u32>,
    only: Wanted,
}

/// Lets a test look at the channel that it gave away.
#[derive(Debug)]
struct Shared(std::rc::Rc<Kept>);

impl Channel for Shared {
    fn name(&self) -> &'static str {
        "webhook"
    }
    fn only(&self) -> &Wanted {
        &self.0.only
    }
    fn send(&self, message: &Message, _: &dyn Secrets) -> Result<(), SendError> {
        if self.0.fails.get() > 0 {
            self.0.fails.set(self.0.fails.get() - 1);
            return Err(SendError("the web hook answered 500".to_owned()));
        }
        self.0.got.borrow_mut().push(message.clone());
        Ok(())
    }
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn credentials(&self) -> Option<PathBuf> {
        None
    }
}

pub(super) struct Desk {
    _folder: tempfile::TempDir,
    pub(super) store: Store,
    clock: SimulatedClock,
    settings: Settings,
    kept: std::rc::Rc<Kept>,
    channels: Vec<Box<dyn Channel>>,
    runs: u64,
}

impl Desk {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kept = std::rc::Rc::<Kept>::default();
        Self {
            store: Store::open(folder.path().join("s.db")).unwrap(),
            _folder: folder,
            clock: SimulatedClock::new(Timestamp(1_790_000_000_000_000)),
            settings: Settings::default(),
            channels: vec![Box::new(Shared(kept.clone()))],
            kept,
            runs: 0,
        }
    }

    /// A run that says something of subjects: `Some` is wrong, none is well.
    fn run(&mut self, said: &[(&str, Option<Strength>)]) -> RunId {
        self.runs += 1;
        let run = RunId(format!("run{:023}", self.runs));
        let signals: Vec<Signal> = said
            .iter()
            .map(|(subject, strength)| match strength {
                Some(strength) => Signal::raised(Rule::Failure, *subject, *strength, "it failed"),
                None => Signal::well(Rule::Failure, *subject),
            })
            .collect();
        self.store.observe(Place { suite: "s", machine: "m", branch: None }, &run, &signals).unwrap();
        self.clock.advance(Duration::from_secs(60));
        run
    }

    pub(super) fn gather(&mut self) -> engine_operate::gather::Gathered {
        gather(&mut self.store, &self.settings, &self.channels, self.clock.wall()).unwrap()
    }

    fn deliver(&mut self) -> engine_operate::deliver::Delivered {
        let time = Duration::from_secs(60);
        deliver(&mut self.store, &self.settings, &self.channels, &NoSecrets, &self.clock, time).unwrap()
    }

    fn got(&self) -> Vec<Message> {
        self.kept.got.borrow().clone()
    }
}

const BAD: Option<Strength> = Some(Strength::Strong);
const PERHAPS: Option<Strength> = Some(Strength::Weak);

#[test]
fn a_run_is_told_once_in_one_notice() {
    let mut desk = Desk::new();
    desk.run(&[("a", BAD), ("b", BAD), ("c", PERHAPS), ("d", None)]);
    assert_eq!(desk.gather().messages, 1);
    assert_eq!(desk.gather().messages, 0, "gathering again tells nothing again");
    desk.deliver();
    desk.run(&[("a", BAD), ("b", BAD)]);
    desk.gather();
    desk.deliver();
    let got = desk.got();
    assert_eq!(got.len(), 1);
    let subjects: Vec<&str> = got[0].notice.items.iter().map(|item| item.subject.as_str()).collect();
    assert_eq!(subjects, ["a", "b"], "what is pending is not told");
    assert_eq!(got[0].notice.kind, NoticeKind::Alert);
    assert_eq!(got[0].notice.link, None, "without an address of the dashboard");
}

#[test]
fn a_notice_links_to_the_page_of_its_alert_or_its_run() {
    let mut desk = Desk::new();
    desk.settings.alerts.link = "http://127.0.0.1:5000/".to_owned();
    desk.run(&[("a", BAD)]);
    desk.gather();
    let second = desk.run(&[("b", BAD), ("c", BAD)]);
    desk.gather();
    desk.deliver();
    let got = desk.got();
    let alert = &got[0].notice.items[0].alert;
    assert_eq!(got[0].notice.link, Some(format!("http://127.0.0.1:5000/alerts?id={alert}")));
    assert_eq!(got[1].notice.link, Some(format!("http://127.0.0.1:5000/run/{}", second.0)));
}

#[test]
fn a_channel_that_fails_is_tried_again_with_growing_pauses_under_the_same_key() {
    let mut desk = Desk::new();
    desk.run(&[("a", BAD)]);
    desk.gather();
    desk.kept.fails.set(3);
    let mut tries = Vec::new();
    let began = desk.clock.wall();
    while desk.got().is_empty() {
        let before = desk.kept.fails.get();
        let delivered = desk.deliver();
        if desk.kept.fails.get() < before || delivered.sent > 0 {
            tries.push((desk.clock.wall().0 - began.0) / 1_000_000);
        }
        desk.clock.advance(Duration::from_secs(1));
        assert!(tries.len() < 9);
    }
    let pauses: Vec<i64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses.len(), 3);
    assert!(pauses.windows(2).all(|pair| pair[1] > pair[0]), "{pauses:?}");
    assert!((22..=38).contains(&pauses[0]), "about half a minute first: {pauses:?}");
    let messages = desk.store.outbox(None, None, 9).unwrap();
    assert_eq!((messages.len(), messages[0].state, messages[0].attempts), (1, Delivery::Sent, 4));
}

#[test]
fn who_dies_between_sending_and_noting_sends_again_under_the_same_key() {
    let mut desk = Desk::new();
    desk.run(&[("a", BAD)]);
    desk.gather();
    // A process takes the message, sends it, and does not come to say so. (This process itself: it lives.)
    let now = desk.clock.wall();
    let taken = desk.store.take_message("webhook", now, Timestamp(now.0 + 120_000_000)).unwrap().unwrap();
    assert_eq!(desk.deliver().sent, 0, "while its lease lasts, nobody else sends it");
    desk.clock.advance(Duration::from_secs(121));
    assert_eq!(desk.deliver().sent, 1);
    assert_eq!(desk.got()[0].key, taken.key, "a receiver that knows the key drops it");
}

#[test]
fn what_flaps_is_told_once_and_its_end_when_it_lasts() {
    let mut desk = Desk::new();
    // No runs of the suite are in the store here, so what ends is not counted as lasting.
    for round in 0..20 {
        desk.run(&[("a", if round % 2 == 0 { BAD } else { None })]);
        desk.gather();
        desk.deliver();
    }
    assert_eq!(desk.got().len(), 1);
    desk.settings.alerts.recover_after = 0;
    desk.gather();
    desk.deliver();
    let got = desk.got();
    assert_eq!((got.len(), got[1].notice.kind), (2, NoticeKind::Recovery));
    desk.run(&[("a", BAD)]);
    desk.gather();
    desk.deliver();
    assert_eq!(desk.got().len(), 3, "what comes back after its end was told is told again");
}

#[test]
fn silenced_and_acknowledged_alerts_are_not_told_and_an_end_by_hand_neither() {
    let mut desk = Desk::new();
    desk.run(&[("a", BAD), ("b", BAD), ("c", BAD)]);
    let alerts = desk.store.alerts(&engine_store::AlertFilter::default()).unwrap();
    let id = |subject: &str| alerts.iter().find(|alert| alert.subject == subject).unwrap().id.clone();
    desk.store.act(&id("a"), engine_store::Deed::Acknowledge, "me", "").unwrap();
    desk.store.act(&id("b"), engine_store::Deed::Silence(Timestamp(i64::MAX)), "me", "").unwrap();
    desk.gather();
    desk.deliver();
    assert_eq!(desk.got()[0].notice.items.len(), 1);
    desk.store.act(&id("c"), engine_store::Deed::Resolve, "me", "").unwrap();
    desk.settings.alerts.recover_after = 0;
    desk.gather();
    desk.deliver();
    assert_eq!(desk.got().len(), 1);
}

#[test]
fn a_full_outbox_loses_nothing() {
    let mut desk = Desk::new();
    desk.settings.outbox.most = 2;
    for subject in ["a", "b", "c"] {
        desk.run(&[(subject, BAD)]);
        desk.gather();
    }
    desk.run(&[("d", BAD)]);
    let gathered = desk.gather();
    assert!(gathered.full && gathered.messages == 0);
    desk.deliver();
    assert_eq!(desk.got().len(), 2);
    assert!(!desk.gather().full);
    desk.deliver();
    let mut subjects: Vec<String> =
        desk.got().iter().flat_map(|message| message.notice.items.iter().map(|item| item.subject.clone())).collect();
    subjects.sort();
    assert_eq!(subjects, ["a", "b", "c", "d"]);
}

#[test]
fn more_than_the_hour_allows_becomes_one() {
    let mut desk = Desk::new();
    desk.settings.alerts.per_hour = 3;
    for at in 0..10 {
        desk.run(&[(&format!("s{at}"), BAD)]);
        desk.gather();
    }
    desk.deliver();
    assert_eq!(desk.got().len(), 1, "ten that wait where three may go become one");
    assert_eq!(desk.got()[0].notice.items.len(), 10);
    for at in 10..20 {
        desk.run(&[(&format!("s{at}"), BAD)]);
        desk.gather();
        desk.deliver();
    }
    assert_eq!(desk.got().len(), 3, "and no more in this hour");
    desk.clock.advance(Duration::from_secs(3600));
    desk.deliver();
    let told: usize = desk.got().iter().map(|message| message.notice.items.len()).sum();
    assert_eq!((desk.got().len(), told), (4, 20));
}

#[test]
fn what_is_never_taken_is_given_up_and_can_be_tried_again() {
    let mut desk = Desk::new();
    desk.run(&[("a", BAD)]);
    desk.gather();
    desk.kept.fails.set(u32::MAX);
    for _ in 0..9 * 24 {
        desk.deliver();
        desk.clock.advance(Duration::from_secs(3600));
    }
    let message = desk.store.outbox(None, None, 1).unwrap().remove(0);
    assert_eq!(message.state, Delivery::Dead);
    assert!(message.attempts > 50 && message.error.contains("500"));
    desk.kept.fails.set(0);
    assert_eq!(desk.deliver().sent, 0);
    assert_eq!(desk.store.retry_messages(desk.clock.wall()).unwrap(), 1);
    assert_eq!(desk.deliver().sent, 1);
}

#[test]
fn a_clock_that_was_set_back_holds_nothing_up() {
    let mut desk = Desk::new();
    desk.run(&[("a", BAD)]);
    desk.gather();
    desk.kept.fails.set(1);
    desk.deliver();
    // A year back: the next try and the message itself lie far ahead now.
    desk.clock = SimulatedClock::new(Timestamp(1_760_000_000_000_000));
    assert_eq!(desk.deliver().sent, 1);
}

#[test]
fn a_channel_is_told_what_it_asks_for_and_without_channels_nothing_is_forgotten() {
    let mut desk = Desk::new();
    let channels = std::mem::take(&mut desk.channels);
    desk.run(&[("a", BAD)]);
    assert_eq!(desk.gather().messages, 0);
    desk.channels = channels;
    assert_eq!(desk.gather().messages, 1, "told when there is a channel");
    let kept = std::rc::Rc::new(Kept {
        only: Wanted { rules: vec!["verdict".to_owned()], ..Wanted::default() },
        ..Kept::default()
    });
    desk.channels = vec![Box::new(Shared(kept))];
    desk.run(&[("b", BAD)]);
    assert_eq!(desk.gather().messages, 0, "it asks for verdicts only");
}
