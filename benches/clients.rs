//! Requests a second of one client, and of two in two threads, on one server.
//!
//! `cargo bench --bench clients`, on a quiet machine of two cores. Rounds alternate; ratios are medians over rounds, so that they do not
//! depend on how fast the machine happens to be. The control is what the machine has to give: two servers of one thread each, which share
//! nothing, each asked by a client of its own.

use std::time::Instant;

use comfy_table::Table;
use he_nn::plan::Goal;
use he_nn::{Client, Model, ServerKeys};

#[path = "../tests/support/mod.rs"]
mod support;
use support::deployment::Deployment;
use support::median;
use support::models::{crypto_nets, mlp_square};

const ROUNDS: usize = 9;
const REQUESTS: usize = 20;

/// Requests a second of clients that all ask at once, each a server.
fn throughput(asked: &[(&Deployment, &(Client, ServerKeys))]) -> f64 {
    let requests: Vec<_> = asked
        .iter()
        .map(|(network, (client, keys))| (network, client.encrypt(network.samples(0, 1)).unwrap(), keys))
        .collect();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for (network, request, keys) in &requests {
            scope.spawn(move || {
                for _ in 0..REQUESTS {
                    network.server.infer(keys, request).unwrap();
                }
            });
        }
    });
    (asked.len() * REQUESTS) as f64 / start.elapsed().as_secs_f64()
}

fn row(table: &mut Table, model: &'static Model, folder: &str) {
    let deploy = |threads| Deployment::new(model, folder, Goal::latency().threads(threads));
    let (narrow, other, wide) = (deploy(1), deploy(1), deploy(2));
    let (alone, apart) = (narrow.client(), other.client());
    let pair = [wide.client(), wide.client()];
    let round = || {
        [
            throughput(&[(&narrow, &alone)]),
            throughput(&[(&wide, &pair[0])]),
            throughput(&[(&wide, &pair[0]), (&wide, &pair[1])]),
            throughput(&[(&narrow, &alone), (&other, &apart)]),
        ]
    };
    // The first requests touch memory for the first time.
    round();
    let rounds: Vec<[f64; 4]> = (0..ROUNDS).map(|_| round()).collect();
    let rates = (0..3).map(|i| format!("{:.1}", median(rounds.iter().map(|round| round[i]))));
    let ratios = [[2, 0], [2, 1], [3, 0]].map(|[over, under]| {
        format!(
            "{:.2}",
            median(rounds.iter().map(|round| round[over] / round[under]))
        )
    });
    let row = std::iter::once(folder.to_owned()).chain(rates).chain(ratios);
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
        "control",
    ]);
    row(&mut table, mlp_square(), "mlp_square_mnist");
    row(&mut table, crypto_nets(), "cryptonets_mnist");
    println!("{table}");
}
