//! A bar on stderr, where that is a terminal: layer, share of the predicted work done, time left.

use std::ops::ControlFlow;

use he_nn::plan::{Plan, PriceTable};
use indicatif::{ProgressBar, ProgressStyle};

/// The bar of one request.
pub struct Bar {
    bar: ProgressBar,
    /// Predicted microseconds up to the end of each operation.
    until: Vec<u64>,
}

impl Bar {
    /// A bar as long as the plan predicts.
    pub fn new(plan: &Plan) -> Self {
        let (prices, degree) = (PriceTable::DEFAULT, plan.chain().degree());
        let mut microseconds = 0.0;
        let until: Vec<u64> = plan
            .bill()
            .ops
            .iter()
            .map(|counts| {
                microseconds += prices.nanoseconds(counts, degree) * 1e-3;
                microseconds as u64
            })
            .collect();
        // indicatif draws nothing where stderr is no terminal.
        let bar = ProgressBar::new(until.last().copied().unwrap_or(0));
        if let Ok(style) =
            ProgressStyle::with_template("predict   {msg:<20} {bar:24} {percent:>3}%  {elapsed} (ETA {eta})")
        {
            bar.set_style(style);
        }
        Bar { bar, until }
    }

    /// The next request begins.
    pub fn restart(&self) {
        self.bar.reset();
    }

    /// An operation of `layer` is done.
    pub fn step(&self, layer: &str, done: usize) -> ControlFlow<()> {
        self.bar.set_message(layer.to_owned());
        let until = done.checked_sub(1).and_then(|last| self.until.get(last));
        self.bar.set_position(until.copied().unwrap_or(0));
        ControlFlow::Continue(())
    }

    /// Nothing is left of it.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
