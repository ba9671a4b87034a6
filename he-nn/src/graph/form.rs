//! Which affine maps are folded, and which still wait to be.
//!
//! A batch norm, a standardisation or the `1/k²` of an average pool is a map `a * x + b` that need not cost a level: behind a
//! convolution or linear layer it folds into that layer's weights, and before one into the next layer's. The form of a tensor
//! says which of the two is open; a consumer that can do neither has the map *settled* first, for one level.

/// What stands between the values of a tensor and the ciphertext that carries them, as the depth rule counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The ciphertext holds the values.
    Plain,
    /// Directly behind an affine layer: a factor for each entry of dimension 0 still folds into its weights, and it can deliver both
    /// `Wx` and `a * Wx + b`.
    Affine,
    /// As [`Affine`](Form::Affine), but dimension 0 was mixed since: only one factor for the whole tensor folds.
    AffineUniform,
    /// One constant factor, known at plan time, is still to be applied. It moves through linear and multiplicative operations.
    Factor,
    /// `a * x + b` with `a` constant along every axis but the first is still to be applied.
    PendingChannel,
    /// `a * x + b`, elementwise, is still to be applied.
    PendingElement,
}

/// How the factor of an affine map varies over a tensor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Along {
    /// One factor known at plan time, and no offset.
    Nothing,
    /// One factor for each entry of dimension 0.
    Channel,
    /// Each element has its own.
    Element,
}

impl Form {
    /// An affine layer's output may be had in several multiples.
    pub const fn is_affine(self) -> bool {
        matches!(self, Form::Affine | Form::AffineUniform)
    }

    /// A map from the weights waits for a consumer.
    pub const fn is_pending(self) -> bool {
        matches!(self, Form::PendingChannel | Form::PendingElement)
    }

    /// The form behind an affine map.
    pub(crate) const fn map(self, along: Along) -> Form {
        match (self, along) {
            (Form::Affine, Along::Nothing | Along::Channel) => Form::Affine,
            (Form::AffineUniform, Along::Nothing) => Form::AffineUniform,
            (Form::Plain | Form::Factor, Along::Nothing) => Form::Factor,
            (Form::PendingChannel, Along::Nothing | Along::Channel) => Form::PendingChannel,
            (Form::Plain | Form::Factor | Form::AffineUniform, Along::Channel) => Form::PendingChannel,
            (Form::PendingElement, _) | (_, Along::Element) => Form::PendingElement,
        }
    }

    /// The form behind a rearrangement of elements; `channels` tells whether dimension 0 kept its meaning.
    pub(crate) const fn rearranged(self, channels: bool) -> Form {
        match self {
            Form::Affine if !channels => Form::AffineUniform,
            Form::PendingChannel if !channels => Form::PendingElement,
            form => form,
        }
    }

    /// Whether sums over elements that share their entry of dimension 0 (`channels`), or over any elements, may run before the
    /// waiting map is applied.
    pub(crate) const fn allows_sums(self, channels: bool) -> bool {
        match self {
            Form::PendingElement => false,
            Form::PendingChannel => channels,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Form; 6] = [
        Form::Plain,
        Form::Affine,
        Form::AffineUniform,
        Form::Factor,
        Form::PendingChannel,
        Form::PendingElement,
    ];

    #[test]
    fn batch_norm_folds_behind_a_convolution_and_waits_elsewhere() {
        assert_eq!(Form::Affine.map(Along::Channel), Form::Affine);
        assert_eq!(Form::Plain.map(Along::Channel), Form::PendingChannel);
        assert_eq!(Form::AffineUniform.map(Along::Channel), Form::PendingChannel);
    }

    #[test]
    fn maps_never_lose_structure_that_waits() {
        for form in ALL {
            assert_eq!(form.map(Along::Element), Form::PendingElement);
            assert!(!form.map(Along::Element).allows_sums(true));
            if form.is_pending() {
                assert!(form.map(Along::Nothing).is_pending() && form.map(Along::Channel).is_pending());
                assert!(!form.rearranged(false).allows_sums(true));
            }
        }
    }
}
