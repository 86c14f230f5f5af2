//! The keys: what each does to the view, and what it asks of the run.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A panel of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Panel {
    /// The steps and their results.
    #[default]
    Steps,
    /// The load that runs.
    Load,
    /// The machine.
    Machine,
    /// Remarks.
    Messages,
}

impl Panel {
    pub(crate) const ALL: [Self; 4] = [Self::Steps, Self::Load, Self::Machine, Self::Messages];

    fn next(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|panel| *panel == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// What the user wants of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// End the run, gracefully the first time; or, where nothing runs, leave.
    End,
    /// Stop the program as job control does.
    Suspend,
}

/// How the view is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) panel: Panel,
    /// The panel has the whole screen.
    pub(crate) expanded: bool,
    /// Nothing changes on the screen; the run goes on.
    pub(crate) paused: bool,
    /// Lists stay where they are instead of following the newest line.
    pub(crate) frozen: bool,
    /// Lines that the panel's list is scrolled from where it would be.
    pub(crate) scroll: i32,
    pub(crate) help: bool,
    /// `q` was pressed while a run goes on.
    pub(crate) asking: bool,
}

impl Look {
    /// Takes a key. `running` says that leaving would end a run, so it is asked once.
    pub(crate) fn key(&mut self, key: KeyEvent, running: bool) -> Option<Wish> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        // Raw mode takes these two from the terminal, so they are given back their meaning here.
        match key.code {
            KeyCode::Char('c') if control => return Some(Wish::End),
            KeyCode::Char('z') if control => return Some(Wish::Suspend),
            _ if control => return None,
            _ => {}
        }
        let asked = std::mem::take(&mut self.asking);
        if self.help {
            self.help = false;
            return None;
        }
        match key.code {
            KeyCode::Char('q') if running && !asked => self.asking = true,
            KeyCode::Char('y') if asked => return Some(Wish::End),
            KeyCode::Char('q') => return Some(Wish::End),
            KeyCode::Char('?' | 'h') => self.help = true,
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('f') => self.frozen = !self.frozen,
            KeyCode::Char('e') | KeyCode::Enter => self.expanded = !self.expanded,
            KeyCode::Esc => self.expanded = false,
            KeyCode::Tab | KeyCode::Right => self.go(1),
            KeyCode::BackTab | KeyCode::Left => self.go(Panel::ALL.len() - 1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll -= 1,
            KeyCode::Down | KeyCode::Char('j') => self.scroll += 1,
            KeyCode::PageUp => self.scroll -= 10,
            KeyCode::PageDown => self.scroll += 10,
            KeyCode::Home | KeyCode::Char('g') => self.scroll = i32::MIN / 2,
            KeyCode::End | KeyCode::Char('G') => self.scroll = i32::MAX / 2,
            _ => {}
        }
        None
    }

    fn go(&mut self, by: usize) {
        self.panel = self.panel.next(by);
        self.scroll = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(look: &mut Look, code: KeyCode, running: bool) -> Option<Wish> {
        look.key(KeyEvent::new(code, KeyModifiers::NONE), running)
    }

    #[test]
    fn leaving_a_run_is_asked_once() {
        let mut look = Look::default();
        assert_eq!(press(&mut look, KeyCode::Char('q'), true), None);
        assert!(look.asking);
        // Another key goes on, and the question is asked again.
        assert_eq!(press(&mut look, KeyCode::Tab, true), None);
        assert!(!look.asking);
        press(&mut look, KeyCode::Char('q'), true);
        assert_eq!(press(&mut look, KeyCode::Char('q'), true), Some(Wish::End));
        assert_eq!(press(&mut Look::default(), KeyCode::Char('q'), false), Some(Wish::End));
    }

    #[test]
    fn control_keys_mean_what_they_always_do() {
        let mut look = Look::default();
        let control = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
        assert_eq!(look.key(control('c'), true), Some(Wish::End));
        assert_eq!(look.key(control('z'), true), Some(Wish::Suspend));
        assert_eq!(look.key(control('q'), true), None);
        assert_eq!(look, Look::default());
    }

    #[test]
    fn tab_goes_round_the_panels_and_help_closes_by_any_key() {
        let mut look = Look::default();
        for _ in Panel::ALL {
            press(&mut look, KeyCode::Tab, true);
        }
        assert_eq!(look.panel, Panel::Steps);
        press(&mut look, KeyCode::BackTab, true);
        assert_eq!(look.panel, Panel::Messages);
        press(&mut look, KeyCode::Char('?'), true);
        assert!(look.help);
        assert_eq!(press(&mut look, KeyCode::Char('q'), true), None);
        assert!(!look.help && !look.asking);
        for (code, is) in [('p', true), ('p', false)] {
            press(&mut look, KeyCode::Char(code), true);
            assert_eq!(look.paused, is);
        }
        press(&mut look, KeyCode::Char('e'), true);
        press(&mut look, KeyCode::Char('f'), true);
        assert!(look.expanded && look.frozen);
        press(&mut look, KeyCode::Esc, true);
        assert!(!look.expanded);
    }
}
