//! One request on one thread and on two.
//!
//! `cargo bench --bench threads`, on a quiet machine of two cores. Rounds alternate; ratios are medians over rounds, so that they do not
//! depend on how fast the machine happens to be. The control is what the machine has to give: two servers of one thread each, which share
//! nothing, asked at once, against one of them.

use std::time::Instant;

use comfy_table::Table;
use he_nn::plan::Goal;
use he_nn::{Client, Model, ServerKeys};

#[path = "../tests/support/mod.rs"]
mod support;
use support::deployment::Deployment;
use support::median;
use support::models::{crypto_nets, lenet5};

const ROUNDS: usize = 25;

/// Milliseconds of one answer.
fn answer(network: &Deployment, (client, keys): &(Client, ServerKeys)) -> f64 {
    let request = client.encrypt(network.samples(0, 1)).unwrap();
    let start = Instant::now();
    network.server.infer(keys, &request).unwrap();
    start.elapsed().as_secs_f64() * 1e3
}

fn row(table: &mut Table, model: &'static Model, folder: &str) {
    let [one, other, wide] = [1, 1, 2].map(|threads| {
        let network = Deployment::new(model, folder, Goal::latency().threads(threads));
        let client = network.client();
        (network, client)
    });
    let alone = |(network, client): &(Deployment, _)| answer(network, client);
    let round = || {
        let times = [alone(&one), alone(&wide)];
        let both = std::thread::scope(|scope| {
            let servers = [&one, &other].map(|server| scope.spawn(|| alone(server)));
            servers.map(|server| server.join().unwrap())
        });
        [times[0], times[1], both[0].max(both[1])]
    };
    // The first answers touch memory for the first time.
    round();
    let rounds: Vec<[f64; 3]> = (0..ROUNDS).map(|_| round()).collect();
    let of = |f: &dyn Fn(&[f64; 3]) -> f64| format!("{:.2}", median(rounds.iter().map(f)));
    table.add_row([
        folder,
        &of(&|times| times[0]),
        &of(&|times| times[1]),
        &of(&|[one, two, _]| one / two),
        &of(&|[one, _, both]| 2.0 * one / both),
    ]);
}

fn main() {
    let mut table = Table::new();
    table.set_header(["ms a request", "one thread", "two threads", "ratio", "control"]);
    row(&mut table, crypto_nets(), "cryptonets_mnist");
    row(&mut table, lenet5(), "lenet5_poly3_mnist");
    println!("{table}");
}
