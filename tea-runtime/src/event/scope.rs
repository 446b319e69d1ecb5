//! Which execution of a branch or map an event is of.

/// One execution of a branch (with all its attempts) or of a map. Its events have the same scope. Within maps and
/// loops, the same branch may be executed several times in a run, even at the same time; each execution has its own
/// scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(pub(super) u64);

impl Scope {
    /// The run itself, outside of any branch.
    pub const ROOT: Self = Self(0);

    /// A scope for something with a number of its own, for who passes on what others tell.
    #[cfg(feature = "remote")]
    pub(crate) fn numbered(number: u64) -> Self {
        Self(number + 1)
    }

    /// The number of [`numbered`](Self::numbered).
    #[cfg(feature = "remote")]
    pub(crate) fn number(self) -> Option<u64> {
        self.0.checked_sub(1)
    }

    /// Its number: 0 for [`ROOT`](Self::ROOT), then ascending.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}
