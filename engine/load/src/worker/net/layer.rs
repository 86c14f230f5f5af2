//! What lies between the socket's bytes and the protocol's.

use crate::error::Failure;

/// See the module.
pub(crate) trait Layer {
    /// Takes bytes of the socket; adds what they carry to `plain` and what must be answered to `out`, both also where it
    /// fails.
    fn incoming(&mut self, bytes: &[u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), Failure>;
    /// Wraps bytes of the protocol, adding them to `out`.
    fn outgoing(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Failure>;
    /// Whether the protocol may begin.
    fn is_ready(&self) -> bool;
    /// Whether the other side has said that it sends no more, so that an end is none that somebody cut.
    fn has_ended(&mut self) -> bool;
    /// Whether HTTP/2 was agreed on.
    fn is_two(&self) -> bool;
    /// Says that no more is sent.
    fn farewell(&mut self, out: &mut Vec<u8>);
}
