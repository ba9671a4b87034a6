//! Requests a second of one client, and of two in two threads, on one server.
//!
//! `cargo bench --bench clients`, on a quiet machine of two cores. Rounds alternate, and the best of each kind counts.

use std::time::Instant;

use comfy_table::Table;
use he_nn::plan::Goal;
use he_nn::{Client, Model, ServerKeys};

#[path = "../tests/support/mod.rs"]
mod support;
use support::deployment::Deployment;
use support::models::{crypto_nets, mlp_square};

const ROUNDS: usize = 5;
const REQUESTS: usize = 20;

/// Requests a second while all of `clients` ask at once.
fn throughput(network: &Deployment, clients: &[(Client, ServerKeys)]) -> f64 {
    let requests: Vec<_> = clients
        .iter()
        .map(|(client, keys)| (client.encrypt(network.samples(0, 1)).unwrap(), keys))
        .collect();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for (request, keys) in &requests {
            scope.spawn(move || {
                for _ in 0..REQUESTS {
                    network.server.infer(keys, request).unwrap();
                }
            });
        }
    });
    (clients.len() * REQUESTS) as f64 / start.elapsed().as_secs_f64()
}

fn row(table: &mut Table, model: &'static Model, folder: &str) {
    let deploy = |threads| Deployment::new(model, folder, Goal::latency().threads(threads));
    let (narrow, wide) = (deploy(1), deploy(2));
    let alone = [narrow.client()];
    let pair = [wide.client(), wide.client()];
    let [mut one, mut spread, mut two] = [0.0f64; 3];
    for _ in 0..ROUNDS {
        one = one.max(throughput(&narrow, &alone));
        spread = spread.max(throughput(&wide, &pair[..1]));
        two = two.max(throughput(&wide, &pair));
    }
    let numbers = [one, spread, two].map(|rate| format!("{rate:.1}"));
    let ratios = [two / one, two / spread].map(|ratio| format!("{ratio:.2}"));
    let row = std::iter::once(folder.to_owned()).chain(numbers).chain(ratios);
    table.add_row(row);
}

fn main() {
    let mut table = Table::new();
    table.set_header([
        "requests a second",
        "one client, one thread",
        "one client, two threads",
        "two clients, two threads",
        "two clients to one thread",
        "two clients to one",
    ]);
    row(&mut table, mlp_square(), "mlp_square_mnist");
    row(&mut table, crypto_nets(), "cryptonets_mnist");
    println!("{table}");
}
