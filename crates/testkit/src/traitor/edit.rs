//! A traitor that edits its own messages and signs them again.

use wire::frame::Frame;
use wire::{Body, Envelope};

use super::{Betrayal, Outgoing};

/// Asks a closure about every message of its own: what it says instead, nothing at all, or ([`None`]) the truth.
pub struct Editor<F>(pub F);

impl<F> Betrayal for Editor<F>
where
    F: FnMut(&Outgoing<'_>, &Envelope) -> Option<Vec<Body>> + Send,
{
    fn sends(&mut self, outgoing: &Outgoing<'_>) -> Vec<(u16, Frame)> {
        let Some(message) = outgoing.message() else { return outgoing.unchanged() };
        match (self.0)(outgoing, &message) {
            None => outgoing.unchanged(),
            Some(bodies) => {
                let says = |body| (outgoing.to, outgoing.says(message.recipient(), body));
                bodies.into_iter().map(says).collect()
            }
        }
    }
}
