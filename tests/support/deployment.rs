//! A network with a server, and clients that reach it through bytes.

use he_nn::plan::Goal;
use he_nn::{
    Checkpoint, Client, ClientSpec, EvaluationKeys, Model, Ranges, Reply, Request, Server, ServerKeys,
};

use super::Bundle;

/// A planned network and its server.
pub struct Deployment {
    pub bundle: Bundle,
    pub spec: ClientSpec,
    pub server: Server,
}

impl Deployment {
    /// A bundled network, calibrated on its test inputs.
    pub fn new(model: &'static Model, folder: &str, goal: Goal) -> Self {
        let bundle = Bundle::open(model, folder);
        let ranges = model.calibrate(&bundle.checkpoint, &bundle.data.inputs).unwrap();
        Self::with(bundle, goal.ranges(&ranges))
    }

    /// Any network for any goal.
    pub fn with(bundle: Bundle, goal: Goal) -> Self {
        let plan = bundle.model.plan(&goal).unwrap();
        let server = Server::new(&plan, &bundle.checkpoint).unwrap();
        let spec = ClientSpec::from_bytes(&plan.client_spec().to_bytes()).unwrap();
        Deployment { bundle, spec, server }
    }

    pub fn model(&self) -> &'static Model {
        self.bundle.model
    }

    pub fn checkpoint(&self) -> &Checkpoint {
        &self.bundle.checkpoint
    }

    /// What its test inputs say of its values.
    pub fn ranges(&self) -> Ranges {
        self.model()
            .calibrate(self.checkpoint(), &self.bundle.data.inputs)
            .unwrap()
    }

    /// Some test inputs, one after the other.
    pub fn samples(&self, first: usize, count: usize) -> &[f32] {
        let elements = self.bundle.data.elements;
        &self.bundle.data.inputs[first * elements..(first + count) * elements]
    }

    /// A new client, and its keys on the server.
    pub fn client(&self) -> (Client, ServerKeys) {
        let client = Client::new(&self.spec).unwrap();
        let keys = EvaluationKeys::from_bytes(&client.evaluation_keys().to_bytes()).unwrap();
        let keys = self.server.load_keys(keys).unwrap();
        (client, keys)
    }

    /// Sends inputs through bytes and back.
    pub fn ask(&self, client: &Client, keys: &ServerKeys, inputs: &[f32]) -> Vec<f32> {
        let request = Request::from_bytes(&client.encrypt(inputs).unwrap().to_bytes()).unwrap();
        let reply = self.server.infer(keys, &request).unwrap();
        client
            .decrypt(&Reply::from_bytes(&reply.to_bytes()).unwrap())
            .unwrap()
    }

    /// The largest error of the encrypted answers to some inputs.
    pub fn error(&self, client: &Client, keys: &ServerKeys, inputs: &[f32]) -> f64 {
        let (found, clear) = (self.ask(client, keys, inputs), self.bundle.clear(inputs));
        assert_eq!(found.len(), clear.len());
        let errors = found.iter().zip(&clear).map(|(a, b)| f64::from((a - b).abs()));
        errors.fold(0.0, f64::max)
    }

    /// Every answer lies within the bound of the clear model's, and the bound says something.
    pub fn assert_within(&self, found: &[f32], inputs: &[f32], bound: f64) {
        let clear = self.bundle.clear(inputs);
        assert_eq!(found.len(), clear.len());
        let largest = clear.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        assert!(
            bound < f64::from(largest) / 4.0,
            "a bound of {bound} on numbers up to {largest}"
        );
        for (found, clear) in found.iter().zip(&clear) {
            assert!(
                f64::from((found - clear).abs()) <= bound,
                "{found} for {clear}, bound {bound}"
            );
        }
    }
}
