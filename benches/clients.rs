//! Requests a second of one client, and of two in two threads, on one server.
//!
//! `cargo bench --bench clients`, on a quiet machine of two cores. Rounds alternate, and the best of each kind counts. The control says
//! what two threads that share nothing reach: on two cores 2, on two threads of one core little more than 1.

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

/// How much more two threads do than one, of arithmetic that shares nothing.
fn control() -> f64 {
    let work = || {
        let mut state = [1u64; 8];
        for i in 0..50_000_000u64 {
            for word in &mut state {
                *word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(i);
            }
        }
        std::hint::black_box(state)
    };
    let seconds = |threads: usize| {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
        start.elapsed().as_secs_f64()
    };
    let least = |threads| {
        (0..ROUNDS)
            .map(|_| seconds(threads))
            .fold(f64::INFINITY, f64::min)
    };
    2.0 * least(1) / least(2)
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
    println!("control: two threads do {:.2} times the work of one", control());
}
