//! The handle through which a run emits its events.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Detail, Event, Listener, Scope};
use crate::{failure::Failure, panic::guard, stderr};

/// A handle through which a run emits its events. It is cheap to clone. The default has no listeners.
#[derive(Clone, Default)]
pub struct Events(Option<Arc<Shared>>);

struct Shared {
    listeners: Vec<Hearer>,
    last_scope: AtomicU64,
}

struct Hearer {
    listener: Arc<dyn Listener>,
    panicked: OnceLock<Box<Failure>>,
}

impl Events {
    /// A handle that notifies these listeners, in this order.
    #[must_use]
    pub fn new(listeners: Vec<Arc<dyn Listener>>) -> Self {
        if listeners.is_empty() {
            return Self(None);
        }
        let hearer = |listener| Hearer { listener, panicked: OnceLock::new() };
        let listeners = listeners.into_iter().map(hearer).collect();
        Self(Some(Arc::new(Shared { listeners, last_scope: AtomicU64::new(Scope::ROOT.0) })))
    }

    /// The same with further listeners.
    pub(crate) fn with(&self, more: Vec<Arc<dyn Listener>>) -> Self {
        let Some(shared) = &self.0 else { return Self::new(more) };
        if more.is_empty() {
            return self.clone();
        }
        let all = shared.listeners.iter().map(|hearer| Arc::clone(&hearer.listener)).chain(more);
        let last_scope = shared.last_scope.load(Ordering::Relaxed);
        let events = Self::new(all.collect());
        events.0.iter().for_each(|events| events.last_scope.store(last_scope + (1 << 40), Ordering::Relaxed));
        events
    }

    /// Whether there are listeners.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// What the listeners want to know about nodes in worker processes.
    pub(crate) fn wants(&self) -> Detail {
        let wants = self.0.iter().flat_map(|shared| &shared.listeners).map(|hearer| hearer.listener.wants());
        wants.fold(Detail::NONE, |all, one| Detail {
            nodes: all.nodes || one.nodes,
            progress: all.progress || one.progress,
        })
    }

    /// Notifies every listener. `event` is called only if there is one.
    #[inline]
    pub fn emit<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some(shared) = &self.0 {
            shared.tell(&event());
        }
    }

    /// Warns the listeners, or people on standard error if there are none.
    pub(crate) fn warn(&self, message: &str) {
        if self.is_active() {
            self.emit(|| Event::Warning { message });
        } else {
            stderr::line(format_args!("warning: {message}"));
        }
    }

    /// The panic of a listener, if one has panicked.
    pub(crate) fn panic(&self) -> Option<Box<Failure>> {
        let mut failure = self.0.as_ref()?.listeners.iter().find_map(|hearer| hearer.panicked.get())?.clone();
        failure.message = format!("a listener of events panicked: {}", failure.message);
        Some(failure)
    }

    /// A new scope, different from all others of this handle and its clones, or [`Scope::ROOT`] if there are no
    /// listeners.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.0.as_ref().map_or(Scope::ROOT, |shared| Scope(shared.last_scope.fetch_add(1, Ordering::Relaxed) + 1))
    }
}

impl Shared {
    fn tell(&self, event: &Event<'_>) {
        for Hearer { listener, panicked } in &self.listeners {
            // Workers and deadlines depend on the threads that emit events, so no panic may end them.
            if panicked.get().is_none()
                && let Err(failure) = guard(|| listener.on_event(event))
            {
                let _another_thread_was_first = panicked.set(failure);
            }
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listeners = self.0.as_ref().map_or(0, |shared| shared.listeners.len());
        f.debug_struct("Events").field("listeners", &listeners).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn nobody_listens_and_no_event_is_built() {
        let events = Events::default();
        events.emit(|| unreachable!("nobody listens"));
        assert!(!events.is_active());
        assert_eq!(events.scope(), Scope::ROOT);
        assert!(!Events::new(Vec::new()).is_active());
    }

    #[test]
    fn every_listener_hears_it_in_order() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = |name: &'static str| -> Arc<dyn Listener> {
            let heard = Arc::clone(&heard);
            Arc::new(move |event: &Event<'_>| {
                if let Event::Warning { message } = event {
                    heard.lock().unwrap().push(format!("{name}: {message}"));
                }
            })
        };
        let events = Events::new(vec![listener("a"), listener("b")]);
        let message = String::from("low on disk");
        events.clone().emit(|| Event::Warning { message: &message });
        assert_eq!(*heard.lock().unwrap(), ["a: low on disk", "b: low on disk"]);
    }

    struct Modest(Detail);

    impl Listener for Modest {
        fn on_event(&self, _: &Event<'_>) {}

        fn wants(&self) -> Detail {
            self.0
        }
    }

    #[test]
    fn workers_tell_what_any_listener_wants() {
        let (nodes, progress) = (Detail { nodes: true, ..Detail::NONE }, Detail { progress: true, ..Detail::NONE });
        assert_eq!(Events::default().wants(), Detail::NONE);
        for (one, other, both) in
            [(Detail::NONE, Detail::NONE, Detail::NONE), (Detail::NONE, nodes, nodes), (progress, nodes, Detail::ALL)]
        {
            assert_eq!(Events::new(vec![Arc::new(Modest(one)), Arc::new(Modest(other))]).wants(), both);
        }
        assert_eq!(Events::new(vec![Arc::new(|_: &Event<'_>| ())]).wants(), Detail::ALL);
    }

    #[test]
    fn scopes_differ_between_clones() {
        let events = Events::new(vec![Arc::new(|_: &Event<'_>| ())]);
        let (first, second) = (events.scope(), events.clone().scope());
        assert_ne!(first, Scope::ROOT);
        assert!(first < second);
    }
}
