//! What client and server make of one request, against what it should be.

use crate::Checkpoint;
use crate::client::Client;
use crate::plan::Plan;
use crate::server::{Server, ServerKeys};

/// An answer, decrypted.
pub(super) struct Answer {
    found: Vec<f32>,
    /// Of the server, on the error.
    pub(super) bound: f64,
}

impl Answer {
    /// To samples one after the other, by a new client and a new server in the plan's own ring.
    pub(super) fn to(x: &[f32], plan: &Plan, checkpoint: &Checkpoint) -> Self {
        let server = Server::new(plan, checkpoint).expect("a server");
        let client = Client::new(server.client_spec()).expect("a client");
        let keys = server.load_keys(client.evaluation_keys()).expect("keys");
        Self::by(&server, &client, &keys, x)
    }

    /// The same by a client whose keys the server has.
    pub(super) fn by(server: &Server, client: &Client, keys: &ServerKeys, x: &[f32]) -> Self {
        let request = client.encrypt(x).expect("a request");
        let reply = server.infer(keys, &request).expect("a reply");
        Answer {
            found: client.decrypt(&reply).expect("an answer"),
            bound: server.predicted_error(),
        }
    }

    /// The largest distance from what is expected.
    pub(super) fn error<T: Copy + Into<f64>>(&self, expected: &[T]) -> f64 {
        assert_eq!(self.found.len(), expected.len());
        let errors = self.found.iter().zip(expected);
        errors.fold(0.0, |most, (&a, &b)| (f64::from(a) - b.into()).abs().max(most))
    }
}
