//! Core dumps are off: a process that dies would write its memory to disk, with keys and figures in the clear.
//!
//! Assumed of an attacker: it reads the disk, or is another process of the same user. Who is root reads the memory anyway.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::exit::{Exit, Failure};

/// Forbids this process to leave its memory behind, before it has read anything secret. There is no way to allow it again.
///
/// Each of the two has a gap that the other closes: a handler in `core_pattern` is run whatever the limit is, and what
/// this process executes can be dumped again but keeps the limit. No other process of the user can attach either.
pub(crate) fn forbid() -> Result<(), Failure> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let forbidden = setrlimit(Resource::Core, none).and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    forbidden.map_err(|error| Failure::new(Exit::Other, format!("cannot switch core dumps off: {error}")))
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn both_are_off_and_stay_so() {
        for _ in 0..2 {
            forbid().unwrap();
            assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: Some(0) });
            assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
        }
    }
}
