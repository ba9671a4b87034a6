//! Folded stages to planner steps: the same network with views made explicit and every step's numbers traced to their source.

use std::sync::Arc;

use he_core::program::error::Range;

use super::insert::front;
use super::network::{Geometry, Network, Step, StepId, StepKind};
use super::packing::sparse::SparseMap;
use crate::affine::{Kind, Loaded, Pattern, Piece, StageId, Stages, View, Window};
use crate::approx;
use crate::checkpoint::Checkpoint;
use crate::clear::Ranges;
use crate::error::Result;
use crate::graph::Op;
use crate::lower::StepWeights;

/// Up to this degree a polynomial is evaluated in powers, which absorb the factor of its argument.
const CUBIC: usize = 3;

/// Where the numbers of a step come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The step has none.
    None,
    /// Taps and bias of an affine stage.
    Affine(StageId),
    /// Taps and bias of an affine stage, multiplied by the quadratic coefficient of a polynomial stage, plus its linear one.
    LeadingFactor {
        /// The affine stage.
        affine: StageId,
        /// The quadratic behind it.
        polynomial: StageId,
    },
    /// The constant coefficient of a polynomial stage.
    ConstantTerm(StageId),
    /// The offset of a shift.
    Shift(StageId),
    /// All coefficients of a polynomial stage.
    Polynomial(StageId),
    /// The factor that brings the operand of a composite to its interval.
    Front(StageId),
}

/// A network with the sources of its numbers, and where each stage's result is.
#[derive(Clone, Debug)]
pub struct Translated {
    /// The steps.
    pub network: Network,
    /// One source a step.
    pub sources: Vec<Source>,
    /// What the ranges tell of each step's result.
    pub ranges: Vec<Range>,
    /// Output ports: (model output, view of a step: source element of each element, factor).
    pub outputs: Vec<OutputView>,
}

/// How an output of the model follows from a step.
#[derive(Clone, Debug)]
pub struct OutputView {
    /// Index into the model's outputs.
    pub index: usize,
    /// The step that computes it.
    pub step: StepId,
    /// Shape of one sample.
    pub shape: Vec<u32>,
    /// Element of the step behind each element, or none where it is zero.
    pub from: Vec<Option<u32>>,
    /// Factor that the client applies.
    pub factor: f64,
}

struct Translator<'a> {
    stages: &'a Stages,
    sites: Option<&'a Ranges>,
    steps: Vec<Step>,
    sources: Vec<Source>,
    ranges: Vec<Range>,
    /// The step that holds each stage's result.
    step_of: Vec<StepId>,
    outputs: Vec<OutputView>,
}

/// Translates the stages of a model, with what samples say of its values.
pub fn translate(stages: &Stages, sites: Option<&Ranges>) -> Translated {
    let mut translator = Translator {
        stages,
        sites,
        steps: vec![],
        sources: vec![],
        ranges: vec![],
        step_of: vec![],
        outputs: vec![],
    };
    for index in 0..stages.list().len() {
        let step = translator.stage(StageId(index as u32));
        let stage = &stages.list()[index];
        if !matches!(stage.kind, Kind::Output { .. }) {
            let range = &mut translator.ranges[step];
            range.largest = range.largest.min(stage.bound.unwrap_or(f64::INFINITY));
            range.typical = range.typical.min(stage.typical.unwrap_or(f64::INFINITY));
        }
        translator.step_of.push(step);
    }
    let name = |view: &OutputView| stages.model().outputs()[view.index].name.to_owned();
    let outputs = translator
        .outputs
        .iter()
        .map(|view| (name(view), view.step))
        .collect();
    let network = Network {
        steps: translator.steps,
        outputs,
    };
    Translated {
        network,
        sources: translator.sources,
        ranges: translator.ranges,
        outputs: translator.outputs,
    }
}

impl Translator<'_> {
    fn push(&mut self, name: String, kind: StepKind, elements: usize, source: Source) -> StepId {
        self.steps.push(Step { name, kind, elements });
        self.sources.push(source);
        self.ranges.push(Range::UNKNOWN);
        self.steps.len() - 1
    }

    fn name(&self, id: StageId) -> String {
        self.stages
            .model()
            .node(self.stages.get(id).node)
            .label()
            .to_owned()
    }

    /// The step that holds a view's elements, relabelled if the view is.
    fn view(&mut self, view: &View) -> StepId {
        let x = self.step_of[view.stage.index()];
        if view.map.is_none() {
            return x;
        }
        let from: Vec<Option<u32>> = (0..view.elements())
            .map(|i| view.source(i).map(|s| s as u32))
            .collect();
        let name = format!("{} (view)", self.name(view.stage));
        let elements = from.len();
        self.push(
            name,
            StepKind::Relabel {
                x,
                from: Arc::new(from),
            },
            elements,
            Source::None,
        )
    }

    fn stage(&mut self, id: StageId) -> StepId {
        let stage = self.stages.get(id);
        let (elements, name) = (stage.elements(), self.name(id));
        match &stage.kind {
            Kind::Input { index } => {
                let input = &self.stages.model().inputs()[*index as usize];
                let shape = stage.shape.iter().map(|&d| d as u32).collect();
                let kind = StepKind::Input {
                    name: input.name.to_owned(),
                    shape,
                };
                self.push(input.name.to_owned(), kind, elements, Source::None)
            }
            Kind::Affine(affine) => {
                let x = self.step_of[affine.input.index()];
                let kind = StepKind::Affine {
                    x,
                    map: Arc::new(sparse(&affine.pattern)),
                    geometry: geometry(&affine.pattern),
                };
                self.push(name, kind, elements, Source::Affine(id))
            }
            Kind::Sum { x, pattern } => {
                let x = self.view(x);
                let kind = StepKind::WindowSum {
                    x,
                    map: Arc::new(sparse(pattern)),
                };
                self.push(name, kind, elements, Source::None)
            }
            Kind::Shift { x, .. } => {
                let x = self.view(x);
                self.push(name, StepKind::Shift { x }, elements, Source::Shift(id))
            }
            Kind::Negate { x } => {
                let x = self.view(x);
                self.push(name, StepKind::Negate { x }, elements, Source::None)
            }
            Kind::Square { x } => {
                let x = self.view(x);
                self.push(name, StepKind::Square { x }, elements, Source::None)
            }
            Kind::Multiply { x, y } => {
                let (x, y) = (self.view(x), self.view(y));
                self.push(name, StepKind::Multiply { x, y }, elements, Source::None)
            }
            Kind::Add { x, y } | Kind::Sub { x, y } => {
                let negate = matches!(stage.kind, Kind::Sub { .. });
                let (x, y) = (self.view(x), self.view(y));
                self.push(name, StepKind::Add { x, y, negate }, elements, Source::None)
            }
            Kind::Polynomial {
                x,
                degree,
                argument,
                function,
                range,
                piece,
                ..
            } => {
                if *degree == 2
                    && stage.levels == 1
                    && let Some(step) = self.quadratic(id, x, elements, &name)
                {
                    return step;
                }
                let x = self.view(x);
                // The interval of a polynomial bounds what enters it.
                let entering = &mut self.ranges[x];
                entering.largest = entering.largest.min(1.0 / argument.abs());
                let is_first = piece.as_ref().is_none_or(Piece::is_first);
                if let (Some(ranges), [operand], true) = (
                    self.sites,
                    self.stages.model().node(*function).inputs.as_slice(),
                    is_first,
                ) {
                    entering.typical = entering
                        .typical
                        .min(ranges.typical(*operand) / (range * argument.abs()));
                }
                let x = match piece {
                    Some(_) if *argument != 1.0 => self.front(id, x, *argument),
                    _ => x,
                };
                // A checkpoint may bring a row of coefficients for each channel.
                let trained = matches!(self.stages.model().node(*function).op, Op::Polynomial { .. });
                let kind = StepKind::Polynomial {
                    x,
                    degree: *degree as u32,
                    per_element: trained || *degree <= CUBIC && piece.is_none(),
                    unit: *argument == 1.0 || piece.is_some(),
                };
                self.push(name, kind, elements, Source::Polynomial(id))
            }
            Kind::Output { index, x, factor } => {
                let step = self.step_of[x.stage.index()];
                let from = (0..x.elements()).map(|i| x.source(i).map(|s| s as u32)).collect();
                let shape = x.shape.iter().map(|&d| d as u32).collect();
                self.outputs.push(OutputView {
                    index: *index as usize,
                    step,
                    shape,
                    from,
                    factor: *factor,
                });
                step
            }
        }
    }

    /// The operand of a composite, brought to its interval.
    fn front(&mut self, id: StageId, x: StepId, argument: f64) -> StepId {
        let (name, Step { kind, elements, .. }) = (self.name(id), front(x, self.steps[x].elements));
        let of_x = self.ranges[x];
        let step = self.push(format!("{name} (front)"), kind, elements, Source::Front(id));
        self.ranges[step] = Range {
            largest: of_x.largest * argument.abs(),
            typical: of_x.typical * argument.abs(),
        };
        step
    }

    /// A quadratic directly behind an affine map in one level: the map delivers both `x` and `a x + b`, and `x (a x + b) + c`
    /// is one product.
    fn quadratic(&mut self, id: StageId, x: &View, elements: usize, name: &str) -> Option<StepId> {
        if x.map.is_some() || !matches!(self.stages.get(x.stage).kind, Kind::Affine(_)) {
            return None;
        }
        let left = self.step_of[x.stage.index()];
        let kind = self.steps[left].kind.clone();
        let source = Source::LeadingFactor {
            affine: x.stage,
            polynomial: id,
        };
        let right = self.push(format!("{name} (factor)"), kind, elements, source);
        let product = self.push(
            name.to_owned(),
            StepKind::Multiply { x: left, y: right },
            elements,
            Source::None,
        );
        Some(self.push(
            format!("{name} (constant)"),
            StepKind::Shift { x: product },
            elements,
            Source::ConstantTerm(id),
        ))
    }
}

fn sparse(pattern: &Pattern) -> SparseMap {
    let (classes, first) = pattern.classes();
    let collected = SparseMap::collect(first.rows(), first.cols(), |visit| first.for_each(visit));
    collected.repeated(classes, first.taps())
}

/// Convolutions of whole images keep their shape; everything else may read anything.
fn geometry(pattern: &Pattern) -> Geometry {
    match pattern {
        Pattern::Conv2d {
            input,
            output,
            window,
            groups: 1,
        } => {
            let Window {
                kernel,
                stride,
                padding,
                dilation,
            } = *window;
            if stride[0] != stride[1] || padding[0] != padding[1] || dilation != [1, 1] {
                return Geometry::Dense;
            }
            Geometry::Image {
                input: input.map(|d| d as u32),
                output: output.map(|d| d as u32),
                kernel: kernel.map(|d| d as u32),
                stride: stride[0] as u32,
                padding: padding[0] as u32,
            }
        }
        Pattern::Diagonal { .. } => Geometry::Diagonal,
        _ => Geometry::Dense,
    }
}

impl Translated {
    /// The numbers of every step, from a checkpoint.
    ///
    /// # Errors
    /// Those of [`Stages::load`]: everything in which the checkpoint does not fit the model.
    pub fn weights(&self, stages: &Stages, checkpoint: &Checkpoint) -> Result<Vec<StepWeights>> {
        let loaded = stages.load(checkpoint)?;
        let steps = self.sources.iter().zip(&self.network.steps);
        steps
            .map(|(source, step)| step_weights(&loaded, *source, step))
            .collect()
    }
}

fn step_weights(loaded: &Loaded<'_>, source: Source, step: &Step) -> Result<StepWeights> {
    let series = |values: Vec<f64>| StepWeights {
        taps: vec![],
        series: vec![values],
    };
    Ok(match source {
        Source::None => StepWeights {
            // An operand may be brought to the slots of the other.
            taps: match step.kind {
                StepKind::Add { .. } | StepKind::Multiply { .. } => vec![1.0],
                _ => vec![],
            },
            series: vec![],
        },
        Source::Affine(id) => match loaded.affine(id)? {
            Some(values) => StepWeights {
                taps: values.taps,
                series: vec![values.bias],
            },
            None => StepWeights::default(),
        },
        Source::LeadingFactor { affine, polynomial } => {
            let Some(mut values) = loaded.affine(affine)? else {
                return Ok(StepWeights::default());
            };
            let coefficients = powers(loaded, polynomial, step.elements)?;
            let StepKind::Affine { map, .. } = &step.kind else {
                return Ok(StepWeights::default());
            };
            let mut factor = vec![1.0; values.taps.len()];
            for row in 0..map.rows() {
                for entry in map.row(row) {
                    factor[entry.tap as usize] = at(&coefficients[2], row);
                }
            }
            values
                .taps
                .iter_mut()
                .zip(&factor)
                .for_each(|(tap, factor)| *tap *= factor);
            for (row, bias) in values.bias.iter_mut().enumerate() {
                *bias = *bias * at(&coefficients[2], row) + at(&coefficients[1], row);
            }
            StepWeights {
                taps: values.taps,
                series: vec![values.bias],
            }
        }
        Source::ConstantTerm(id) => series(powers(loaded, id, step.elements)?.swap_remove(0)),
        Source::Front(id) => StepWeights {
            // What a layer in front delivers needs no factor.
            taps: vec![match loaded.stages().get(id).kind {
                Kind::Polynomial { argument, .. } => argument,
                _ => 1.0,
            }],
            series: vec![vec![0.0]],
        },
        Source::Shift(id) => series(loaded.shift(id)?.unwrap_or_default()),
        Source::Polynomial(id) => StepWeights {
            taps: vec![],
            series: match step.kind {
                StepKind::Polynomial {
                    per_element: false,
                    unit: true,
                    ..
                } => rows(loaded, id, step.elements, |row, _| row.to_vec())?,
                StepKind::Polynomial { degree: 0..=3, .. } => powers(loaded, id, step.elements)?,
                _ => products(loaded, id, step.elements)?,
            },
        },
    })
}

fn at(values: &[f64], element: usize) -> f64 {
    values[if values.len() == 1 { 0 } else { element }]
}

/// Coefficients in ascending powers of the operand.
fn powers(loaded: &Loaded<'_>, id: StageId, elements: usize) -> Result<Vec<Vec<f64>>> {
    rows(loaded, id, elements, from_chebyshev)
}

/// Coefficients in products of the monic powers, then the offsets of these, negative: see [`approx::chebyshev_to_products`].
fn products(loaded: &Loaded<'_>, id: StageId, elements: usize) -> Result<Vec<Vec<f64>>> {
    let Kind::Polynomial { argument, degree, .. } = loaded.stages().get(id).kind else {
        return Ok(vec![]);
    };
    let range = power_range(argument);
    let mut series = rows(loaded, id, elements, |row, argument| {
        let mut row = row.to_vec();
        if argument.abs() > 1.0 {
            row = approx::power_to_chebyshev(&approx::chebyshev_to_power(&row, 1.0 / argument.abs()), range);
        }
        if argument < 0.0 {
            row.iter_mut().skip(1).step_by(2).for_each(|c| *c = -*c);
        }
        approx::chebyshev_to_products(&row, range)
    })?;
    series.extend((0..degree.ilog2()).map(|i| vec![-approx::power_offset(1 << i, range)]));
    Ok(series)
}

/// The interval of the monic powers. Below 1 they would vanish under the rounding of the ciphertexts.
pub(super) fn power_range(argument: f64) -> f64 {
    (1.0 / argument.abs()).max(1.0)
}

/// The coefficients that `basis` makes of the Chebyshev ones, for each row: one vector a coefficient, with one number for all
/// elements or one an element.
fn rows(
    loaded: &Loaded<'_>,
    id: StageId,
    elements: usize,
    basis: impl Fn(&[f64], f64) -> Vec<f64>,
) -> Result<Vec<Vec<f64>>> {
    let (Some(values), Kind::Polynomial { argument, degree, .. }) =
        (loaded.polynomial(id)?, &loaded.stages().get(id).kind)
    else {
        return Ok(vec![]);
    };
    let rows: Vec<Vec<f64>> = values
        .coefficients
        .iter()
        .map(|row| basis(row, *argument))
        .collect();
    let shared = rows.len() == 1;
    Ok((0..=*degree)
        .map(|power| match shared {
            true => vec![rows[0][power]],
            false => (0..elements)
                .map(|e| rows[e / values.elements_per_row][power])
                .collect(),
        })
        .collect())
}

/// `sum c_k T_k(a x)` in ascending powers of x, for degrees up to 3.
fn from_chebyshev(coefficients: &[f64], argument: f64) -> Vec<f64> {
    let c = |k: usize| coefficients.get(k).copied().unwrap_or(0.0);
    let a = argument;
    let powers = [
        c(0) - c(2),
        (c(1) - 3.0 * c(3)) * a,
        2.0 * c(2) * a * a,
        4.0 * c(3) * a * a * a,
    ];
    powers[..coefficients.len().min(4)].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chebyshev_to_powers() {
        let powers = from_chebyshev(&[0.3, -0.7, 0.2, 0.5], 0.5);
        for x in [-1.5f64, -0.2, 0.0, 0.9, 2.0] {
            let t = 0.5 * x;
            let expected = 0.3 - 0.7 * t + 0.2 * (2.0 * t * t - 1.0) + 0.5 * (4.0 * t * t * t - 3.0 * t);
            let found = powers.iter().rev().fold(0.0, |sum, c| sum * x + c);
            assert!((found - expected).abs() < 1e-14);
        }
    }
}
