//! Rules about calls between languages.

pub(super) mod attach_once;
pub(super) mod batching;
pub(super) mod binding;
pub(super) mod call_share;
pub(super) mod lend_buffers;
pub(super) mod lock;
pub(super) mod text;
pub(super) mod views;
