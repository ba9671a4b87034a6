//! Results for others than the key's owner, from plan to noise.

use he_nn::checkpoint::TensorData;
use he_nn::plan::Goal;
use he_nn::prelude::*;
use he_nn::{Checkpoint, Client, Error, Server, Sharing};

/// Two scores of eight numbers.
#[he_nn::model(input = [8], depth = 2)]
fn scores(x: Tensor, w: Weights) -> Tensor {
    linear(square(x), w.at("fc"), Linear::out(2))
}

fn checkpoint() -> Checkpoint {
    let weights = (0..16).map(|i| ((i * 7 % 11) as f32 - 5.0) / 5.0).collect();
    Checkpoint::from_tensors([
        ("fc.weight".to_owned(), TensorData::new(&[2, 8], weights).unwrap()),
        (
            "fc.bias".to_owned(),
            TensorData::new(&[2], vec![0.25, -0.25]).unwrap(),
        ),
    ])
}

#[test]
fn a_precise_plan_shares_what_an_ordinary_one_refuses() {
    let (model, checkpoint) = (scores(), checkpoint());
    let input: Vec<f32> = (0..8).map(|i| (i as f32 - 3.5) / 4.0).collect();
    let clear = model.run_clear(&checkpoint, &input).unwrap();
    let shared = |error: f64| {
        let plan = model.plan(&Goal::latency().error(error)).unwrap();
        let server = Server::new(&plan, &checkpoint).unwrap();
        let worst = plan.worst_error(&checkpoint).unwrap();
        assert!(worst > 0.0 && worst < 100.0 * server.predicted_error());
        let client = Client::new(&plan.client_spec()).unwrap();
        let keys = server.load_keys(client.evaluation_keys()).unwrap();
        let reply = server.infer(&keys, &client.encrypt(&input).unwrap()).unwrap();
        client.decrypt_shared(&reply, &Sharing::new(worst, 1, 1e-2).bits(30))
    };
    let refused = shared(1e-2);
    let Err(Error::SharedPrecision { needed, .. }) = refused else {
        panic!("an error of a hundredth takes noise of thousands: {refused:?}")
    };
    // A tenth of it: the worst case is larger than what a goal speaks of.
    for (found, clear) in shared(needed / 10.0).unwrap().iter().zip(&clear) {
        // Noise of a deviation of at most a hundredth.
        assert!((found - clear).abs() < 0.08, "{found} for {clear}");
    }
}
