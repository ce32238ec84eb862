//! How long a component is kept that no file has any more.

/// Counts the epochs that have become durable since it has handed in its last word.
#[derive(Debug, Default)]
pub(crate) struct Retirement(u32);

impl Retirement {
    /// An epoch has become durable. The first may have been under way when the last word came; the second has it.
    pub(crate) fn is_over(&mut self) -> bool {
        self.0 += 1;
        self.0 > 1
    }
}
