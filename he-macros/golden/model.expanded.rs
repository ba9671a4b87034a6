/// Two inputs, two outputs.
pub fn masked() -> &'static ::he_nn::Model {
    #[allow(long_running_const_eval)]
    const NETWORK_SHAPES: ::he_nn::graph::Survey = {
        let trace = &::he_nn::graph::Trace::survey(::he_nn::graph::Budget::Depth(3));
        let image: Tensor = trace.input(0u32, &[1, 28, 28]);
        let mask: Tensor = trace.input(1u32, &[28, 28]);
        let w: Weights = trace.weights();
        let result: (Tensor, Tensor) = {
            trace.statement();
            let x = ::he_nn::mul(image, mask);
            trace.statement();
            (linear(flatten(x), w.at("fc"), Linear::out(10)), square(x))
        };
        ::he_nn::graph::Trace::surveyed(trace, [result.0, result.1])
    };
    #[allow(warnings, clippy::all, clippy::pedantic)]
    const DEPTH_AND_SHAPES: ::he_nn::graph::Network<{ NETWORK_SHAPES.nodes }, 2usize> = {
        let cells = ::he_nn::graph::Trace::cells::<{ NETWORK_SHAPES.nodes }>();
        let trace = &::he_nn::graph::Trace::record_into(
            &cells,
            ::he_nn::graph::Budget::Depth(3),
            NETWORK_SHAPES,
        );
        let image: Tensor = trace.input(0u32, &[1, 28, 28]);
        let mask: Tensor = trace.input(1u32, &[28, 28]);
        let w: Weights = trace.weights();
        let result: (Tensor, Tensor) = {
            trace.statement();
            let x = ::he_nn::mul(image, mask);
            trace.statement();
            (linear(flatten(x), w.at("fc"), Linear::out(10)), square(x))
        };
        ::he_nn::graph::Trace::recorded(trace, [result.0, result.1])
    };
    static NODES: [::he_nn::graph::Node; NETWORK_SHAPES.nodes] = DEPTH_AND_SHAPES.nodes;
    static MODEL: ::he_nn::Model = ::he_nn::Model::new(
        "masked",
        &[
            ::he_nn::Input::new("image", ::he_nn::graph::NodeId(0u32), 2.0),
            ::he_nn::Input::new("mask", ::he_nn::graph::NodeId(1u32), 2.0),
        ],
        &[
            ::he_nn::Output {
                name: "output0",
                node: DEPTH_AND_SHAPES.outputs[0usize],
            },
            ::he_nn::Output {
                name: "output1",
                node: DEPTH_AND_SHAPES.outputs[1usize],
            },
        ],
        &NODES,
        ::he_nn::graph::Budget::Depth(3),
        NETWORK_SHAPES.depth,
        ::core::option::Option::None,
    );
    &MODEL
}
