//! Client and server as two processes that share a socket and nothing else.
//!
//! `cargo run --release --example client_server` starts both. By hand: `client_server serve --address 127.0.0.1:7070` in one terminal,
//! `client_server ask --address 127.0.0.1:7070` in another.
//!
//! The socket is neither encrypted nor authenticated: a real service puts TLS around it (see SECURITY.md).

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitCode, Stdio};

use clap::{Args, Parser, Subcommand};
use he_nn::plan::Goal;
use he_nn::prelude::*;
use he_nn::wire::receive;
use he_nn::{Checkpoint, Client, ClientSpec, EvaluationKeys, Reply, Request, Server};

mod support;
use support::Data;
use support::data::bundled;
use support::report::bytes;

/// Dense, square, dense: the server's network, which the client never sees.
#[he_nn::model(input = [784], depth = 3)]
pub fn mlp_square(x: Tensor, w: Weights) -> Tensor {
    let x = square(linear(x, w.at("fc1"), Linear::out(128)));
    linear(x, w.at("fc2"), Linear::out(10))
}

const FOLDER: &str = "mlp_square_mnist";
/// What a client accepts: specifications and replies are small.
const CLIENT_LIMIT_BYTES: u64 = 64 << 20;
/// What a server accepts: evaluation keys are the largest message.
const SERVER_LIMIT_BYTES: u64 = 1 << 30;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// Asks a server in another process about encrypted digits.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Subcommand)]
enum Role {
    /// Loads the weights and answers.
    Serve {
        /// Where to listen; port 0 takes a free one. The address is printed.
        #[arg(long, default_value = "127.0.0.1:0")]
        address: String,
        /// Ends after this many clients.
        #[arg(long)]
        clients: Option<usize>,
    },
    /// Encrypts digits, sends them, decrypts the answers.
    Ask {
        /// Where the server listens.
        #[arg(long)]
        address: String,
        #[command(flatten)]
        ask: Ask,
    },
}

#[derive(Args)]
struct Ask {
    /// Number of digits.
    #[arg(long, default_value_t = 3)]
    samples: usize,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Serve { address, clients }) => serve(&address, clients)?,
        Some(Role::Ask { address, ask }) => return self::ask(&address, ask.samples),
        None => return both(arguments.ask.samples),
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts the server as another process and asks it.
fn both(samples: usize) -> Result<ExitCode> {
    let mut server = Command::new(std::env::current_exe()?)
        .args(["serve", "--clients", "1"])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut address = String::new();
    if let Some(stdout) = server.stdout.take() {
        BufReader::new(stdout).read_line(&mut address)?;
    }
    let answer = ask(address.trim(), samples);
    if answer.is_err() {
        server.kill()?;
    }
    let status = server.wait()?;
    if answer.is_ok() && !status.success() {
        return Err(format!("the server ended with {status}").into());
    }
    answer
}

fn serve(address: &str, clients: Option<usize>) -> Result<()> {
    let checkpoint = Checkpoint::open(bundled(FOLDER, "model.safetensors"))?;
    let data = Data::open(&bundled(FOLDER, "test.safetensors"))?;
    let ranges = mlp_square().calibrate(&checkpoint, &data.inputs)?;
    let plan = mlp_square().plan_for(&Goal::latency().ranges(&ranges), &checkpoint)?;
    let server = Server::new(&plan, &checkpoint)?;
    let listener = TcpListener::bind(address)?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    // Each client has a thread; all share the weights.
    std::thread::scope(|scope| {
        for stream in listener.incoming().take(clients.unwrap_or(usize::MAX)) {
            let server = &server;
            scope.spawn(move || {
                if let Err(error) = stream
                    .map_err(Into::into)
                    .and_then(|stream| answer(server, stream))
                {
                    eprintln!("server: {error}");
                }
            });
        }
    });
    Ok(())
}

/// Serves one client until it hangs up.
fn answer(server: &Server, mut stream: TcpStream) -> Result<()> {
    stream.write_all(&server.client_spec().to_bytes())?;
    let keys = EvaluationKeys::from_shared(receive(&mut stream, SERVER_LIMIT_BYTES)?)?;
    let keys = server.load_keys(keys)?;
    while stream.peek(&mut [0])? > 0 {
        let request = Request::from_bytes(&receive(&mut stream, SERVER_LIMIT_BYTES)?)?;
        stream.write_all(&server.infer(&keys, &request)?.to_bytes())?;
    }
    Ok(())
}

fn ask(address: &str, samples: usize) -> Result<ExitCode> {
    let data = Data::open(&bundled(FOLDER, "test.safetensors"))?;
    let mut stream = TcpStream::connect(address)?;
    let sent =
        |what: &str, length: usize, holds: &str| println!("{what:<26} {:>9}   {holds}", bytes(length as u64));

    let spec = receive(&mut stream, CLIENT_LIMIT_BYTES)?;
    sent(
        "server -> client  plan",
        spec.len(),
        "parameters, layouts, which keys to make; no weights",
    );
    let client = Client::new(&ClientSpec::from_bytes(&spec)?)?;
    // One key after the other: the message never stands in memory.
    client.write_evaluation_keys(&mut stream)?;
    sent(
        "client -> server  keys",
        client.spec().evaluation_key_bytes() as usize,
        "evaluation keys, once; they decrypt nothing",
    );

    let mut right = 0;
    for i in 0..samples {
        let request = client.encrypt(data.sample(i))?.to_bytes();
        stream.write_all(&request)?;
        sent("client -> server  request", request.len(), "one encrypted digit");
        let reply = receive(&mut stream, CLIENT_LIMIT_BYTES)?;
        let logits = client.decrypt(&Reply::from_bytes(&reply)?)?;
        let found = logits
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map(|(class, _)| class as i64);
        sent("server -> client  reply", reply.len(), "ten encrypted scores");
        println!(
            "{:>39} decrypted: {}, label {}",
            "",
            found.unwrap_or(-1),
            data.label(i).unwrap_or(-1)
        );
        right += usize::from(found == data.label(i));
    }
    println!("{right} of {samples} right");
    // The network is right about 98 digits of 100: half of them wrong is a fault.
    Ok(if 2 * right >= samples {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
