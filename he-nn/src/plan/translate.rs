//! Folded stages to planner steps: the same network with views made explicit and every step's numbers traced to their source.

mod weights;

use std::sync::Arc;

use he_core::program::error::Range;

use super::insert::front;
use super::network::{Geometry, Network, Step, StepId, StepKind};
use super::packing::sparse::SparseMap;
use crate::affine::{Kind, Pattern, Piece, StageId, Stages, View, Window};
use crate::clear::Ranges;
use crate::graph::Op;
pub(super) use weights::power_range;

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
    /// The factor that brings the operand of a composite or an inverse to its interval.
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
        ..Network::default()
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
                seed,
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
                let is_first = piece.as_ref().is_none_or(Piece::is_first) && seed.is_none();
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
                    per_element: trained || *degree <= CUBIC && piece.is_none() && seed.is_none(),
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
