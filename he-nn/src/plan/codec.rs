//! A plan as bytes.
//!
//! A plan is a pure function of model and goal, so a file holds the goal and the digest of what followed from it: reading plans
//! again, and refuses if something else follows now. The envelope is that of [`crate::wire`], with the header
//!
//! | field | what |
//! |---|---|
//! | model | name of the annotated function |
//! | digest | of the plan that was written |
//! | goal | objective, limits, prices, pinned parameters |
//!
//! and one frame with the bytes of the [`Ranges`], if there are any: they check themselves.

use serde::{Deserialize, Serialize};

use super::{Goal, Plan};
use crate::clear::Ranges;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::wire::{Kind, check_plan, corrupted, open, seal};

#[derive(Serialize, Deserialize)]
struct Header {
    model: String,
    digest: [u8; 32],
    goal: Goal,
}

impl Plan {
    /// Bytes from which [`from_bytes`](Self::from_bytes) makes the same plan again.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let frames: Vec<Vec<u8>> = self.goal.ranges.iter().map(Ranges::to_bytes).collect();
        let header = Header {
            model: self.model.name().to_owned(),
            digest: self.digest,
            goal: Goal {
                ranges: None,
                ..self.goal.clone()
            },
        };
        seal(Kind::Plan, &header, &frames)
    }

    /// Plans `model` for the goal that the bytes hold.
    ///
    /// # Errors
    /// [`Error::Version`], [`Error::Truncated`] and [`Error::Corrupted`] for bytes that are no plan, [`Error::ModelMismatch`] for
    /// the plan of another model, [`Error::PlanMismatch`] if the same goal leads to another plan now, and those of [`Model::plan`].
    pub fn from_bytes(model: &'static Model, bytes: &[u8]) -> Result<Self> {
        const WHAT: &str = "plan";
        let (
            Header {
                model: name,
                digest,
                mut goal,
            },
            frames,
        ) = open::<Header>(Kind::Plan, bytes)?;
        goal.ranges = match frames[..] {
            [] => None,
            [ranges] => Some(Ranges::from_bytes(ranges)?),
            _ => {
                return Err(corrupted(
                    WHAT,
                    format!("{} frames", frames.len()),
                    "ranges or nothing",
                ));
            }
        };
        if goal.batch == 0 {
            return Err(corrupted(WHAT, "a batch of 0 samples", "at least 1"));
        }
        if name != model.name() {
            return Err(Error::ModelMismatch {
                what: "the plan's bytes".into(),
                found: format!("`{name}`"),
                expected: format!("`{}`", model.name()),
            });
        }
        let plan = model.plan(&goal)?;
        check_plan(WHAT, &digest, &plan.digest)?;
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    #[he_nn::model(input = [1, 6, 6], depth = 3)]
    fn small(x: Tensor, w: Weights) -> Tensor {
        let x = square(conv2d(x, w.at("conv"), Conv2d::out(2).kernel(3)));
        linear(flatten(x), w.at("fc"), Linear::out(3))
    }

    #[he_nn::model(input = [36], depth = 3)]
    fn other(x: Tensor, w: Weights) -> Tensor {
        linear(
            square(linear(x, w.at("fc1"), Linear::out(4))),
            w.at("fc2"),
            Linear::out(3),
        )
    }

    fn goals() -> [Goal; 3] {
        let ranges = Ranges::assumed(small(), 4.0);
        [
            Goal::latency(),
            Goal::latency().ranges(&ranges).error(1e-3).threads(3),
            Goal::throughput()
                .batch(5)
                .memory(1 << 34)
                .prices(crate::plan::PriceTable::DEFAULT.scaled(1.5)),
        ]
    }

    #[test]
    fn planning_twice_gives_the_same_plan() {
        for goal in goals() {
            let [first, second] = [0; 2].map(|_| small().plan(&goal).unwrap());
            assert_eq!(first.digest(), second.digest());
            assert_eq!(first.program(), second.program());
            assert_eq!(first.recipes(), second.recipes());
        }
    }

    #[test]
    fn what_is_written_is_planned_again() {
        let mut digests = vec![];
        for goal in goals() {
            let plan = small().plan(&goal).unwrap();
            let again = Plan::from_bytes(small(), &plan.to_bytes()).unwrap();
            assert_eq!(again.goal(), &goal);
            assert_eq!(again.digest(), plan.digest());
            assert_eq!(again.recipes(), plan.recipes());
            assert_eq!(again.to_bytes(), plan.to_bytes());
            digests.push(plan.digest());
        }
        assert_ne!(digests[1], digests[2]);
    }

    #[test]
    fn every_truncation_and_bit_flip_is_refused() {
        let bytes = small().plan(&goals()[1]).unwrap().to_bytes();
        for length in 0..bytes.len() {
            let error = Plan::from_bytes(small(), &bytes[..length]).unwrap_err();
            assert!(
                matches!(error, Error::Truncated { .. }),
                "{length} bytes: {error}"
            );
        }
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = Plan::from_bytes(small(), &flipped).unwrap_err();
            let typed = matches!(
                error,
                Error::Corrupted { .. } | Error::Version { .. } | Error::Truncated { .. }
            );
            assert!(typed, "bit {bit}: {error}");
        }
        let long = [&bytes[..], &[0]].concat();
        assert!(matches!(
            Plan::from_bytes(small(), &long),
            Err(Error::Corrupted { .. })
        ));
    }

    #[test]
    fn another_version_model_or_plan_is_named() {
        let plan = small().plan(&Goal::latency()).unwrap();
        let mut newer = plan.to_bytes();
        newer[4] += 1;
        assert!(matches!(
            Plan::from_bytes(small(), &newer),
            Err(Error::Version { .. })
        ));
        let error = Plan::from_bytes(other(), &plan.to_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains("`small`") && error.contains("`other`"), "{error}");
        let sealed = |name: &str, goal: Goal, frames: &[Vec<u8>]| {
            let header = Header {
                model: name.into(),
                digest: plan.digest(),
                goal,
            };
            seal(Kind::Plan, &header, frames)
        };
        // Another network under the same name, and ranges that belong to another network.
        let renamed = sealed("other", Goal::latency(), &[]);
        assert!(matches!(
            Plan::from_bytes(other(), &renamed),
            Err(Error::PlanMismatch { .. })
        ));
        let ranges = Ranges::assumed(other(), 4.0).to_bytes();
        let foreign = sealed("small", Goal::latency(), std::slice::from_ref(&ranges));
        assert!(matches!(
            Plan::from_bytes(small(), &foreign),
            Err(Error::ModelMismatch { .. })
        ));
        // Behind a digest that fits.
        let twice = sealed("small", Goal::latency(), &[ranges.clone(), ranges]);
        assert!(matches!(
            Plan::from_bytes(small(), &twice),
            Err(Error::Corrupted { .. })
        ));
        let empty = sealed(
            "small",
            Goal {
                batch: 0,
                ..Goal::latency()
            },
            &[],
        );
        assert!(matches!(
            Plan::from_bytes(small(), &empty),
            Err(Error::Corrupted { .. })
        ));
        let cut = sealed("small", Goal::latency(), &[vec![1, 2, 3]]);
        assert!(matches!(
            Plan::from_bytes(small(), &cut),
            Err(Error::Truncated { .. })
        ));
    }
}
