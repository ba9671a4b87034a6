#[allow(unused, clippy::all)]
const fn refused<'t>(x: Tensor<'t>, w: Weights<'t>) -> Tensor<'t> {
    fn refused<'t>(x: Tensor<'t>, w: Weights<'t>) -> Tensor<'t> {
        ::core::unreachable!()
    }
    ::core::compile_error! {
        "`if` cannot branch on encrypted data: only the client can see the value\nhelp: branch on a shape or a parameter, compute both sides and blend them with `mul`, or, if the value is plain, write `plain!(..)` around it"
    }
    ::core::compile_error! {
        "`return` is not available in an annotated function\nhelp: make the value the last expression, as in `if c { a } else { b }`, or move the part into a `#[he_nn::block]`"
    }
    ::core::compile_error! {
        "`/` is not defined on encrypted data\nhelp: multiply by the reciprocal, as in `x * 0.5`, or approximate `1 / x` with an activation"
    }
    ::core::unreachable!()
}
::core::compile_error! {
    "`#[he_nn::model]` takes a function\nhelp: put `#[he_nn::model]` on a free function"
}
struct NotAFunction;
