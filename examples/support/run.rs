//! One network, from the plan to the report: a client and a server that exchange bytes.

use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use he_core::bootstrap::BootstrapSpec;
use he_nn::plan::Goal;
use he_nn::wire::SharedBytes;
use he_nn::{Checkpoint, Client, ClientSpec, EvaluationKeys, Model, Reply, Request, Result, Server};

use super::clock::{Seconds, peak_rss_bytes, timed};
use super::data::bundled as bundled_file;
use super::mapped::mapped;
use super::progress::Bar;
use super::report::{Report, bytes, seconds};
use super::{Data, Options};

/// What an example runs.
pub struct Job {
    /// The network.
    pub model: &'static Model,
    /// Its weights, unless the options name others.
    pub weights: Weights,
    /// Its inputs.
    pub data: Data,
    /// Requests, unless the options say how many.
    pub requests: usize,
    /// How values are refreshed, for models with `bootstrap`, where the planner is not to decide.
    pub bootstrap: Option<BootstrapSpec>,
}

/// Where weights come from.
pub enum Weights {
    /// A file.
    File(PathBuf),
    /// The example itself.
    Made(Checkpoint),
}

impl Job {
    /// A network with the weights and inputs of `data/FOLDER`.
    pub fn bundled(model: &'static Model, folder: &str, requests: usize) -> Result<Self> {
        Ok(Job {
            model,
            weights: Weights::File(bundled_file(folder, "model.safetensors")),
            data: Data::open(&bundled_file(folder, "test.safetensors"))?,
            requests,
            bootstrap: None,
        })
    }
}

/// Plans, makes keys, encodes the weights, answers requests and compares with the clear model.
pub fn run(job: &Job, options: &Options) -> Result<Report> {
    let threads = options.threads();
    // The client's side runs on the global pool; a second example in one process keeps the first one's.
    let _ = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global();
    let (model, data) = (job.model, &job.data);
    let opened;
    let checkpoint = match (&options.checkpoint, &job.weights) {
        (None, Weights::Made(checkpoint)) => checkpoint,
        (Some(path), _) | (None, Weights::File(path)) => {
            opened = Checkpoint::open(path)?;
            &opened
        }
    };
    let ranges = model.calibrate(checkpoint, &data.inputs)?;
    let mut goal = if options.batch > 1 {
        Goal::throughput().batch(options.batch)
    } else {
        Goal::latency()
    };
    if let Some(spec) = &job.bootstrap {
        goal = goal.bootstrap(spec.clone());
    }
    let (plan, plan_time) = timed(|| model.plan_for(&goal.threads(threads).ranges(&ranges), checkpoint));
    let plan = plan?;
    println!("{plan}");
    let spec = ClientSpec::from_bytes(&plan.client_spec().to_bytes())?;
    println!(
        "          keys {}, a request {}, a reply {}; predicted {} a request on one thread",
        bytes(spec.evaluation_key_bytes()),
        bytes(spec.request_bytes()),
        bytes(spec.reply_bytes()),
        seconds(plan.predicted_seconds()),
    );

    let (made, keygen_time) = timed(|| {
        let client = Client::new(&spec)?;
        let message: SharedBytes = match &options.keys_file {
            None => client.evaluation_keys().to_bytes().into(),
            Some(path) => {
                client.save_evaluation_keys(path)?;
                // SAFETY: the file is new, and nothing here changes it.
                unsafe { mapped(path) }.map_err(|source| he_nn::Error::Io {
                    path: path.clone(),
                    source,
                })?
            }
        };
        Ok::<_, he_nn::Error>((client, message))
    });
    let (client, message) = made?;
    let (server, encode_time) = timed(|| Server::new(&plan, checkpoint));
    let server = server?;
    let evaluation_key_bytes = message.len();
    // What a socket's reader does: expanded keys let go of the message, seeded ones are read in it.
    let (keys, load_time) = timed(|| server.load_keys(EvaluationKeys::from_shared(message)?));
    let keys = keys?;

    let requests = options.samples.unwrap_or(job.requests).max(1);
    let batch = options.batch as usize;
    let bar = Bar::new(&plan);
    let (mut encrypt, mut predict, mut decrypt): (Vec<Seconds>, Vec<Seconds>, Vec<Seconds>) =
        Default::default();
    let mut answers = Answers::default();
    let (mut request_bytes, mut reply_bytes) = (0, 0);
    let start = Instant::now();
    for request in 0..requests {
        let first = request * batch;
        let input: Vec<f32> = (first..first + batch)
            .flat_map(|i| data.sample(i))
            .copied()
            .collect();
        let (sent, time) = timed(|| Ok::<_, he_nn::Error>(client.encrypt(&input)?.to_bytes()));
        let sent = sent?;
        encrypt.push(time);
        bar.restart();
        let progress = |layer: &str, done: usize, _: usize| bar.step(layer, done);
        let (reply, time) = timed(|| {
            let request = Request::from_bytes(&sent)?;
            Ok::<_, he_nn::Error>(server.infer_with(&keys, &request, &progress)?.to_bytes())
        });
        let reply = reply?;
        predict.push(time);
        bar.clear();
        let (output, time) = timed(|| client.decrypt(&Reply::from_bytes(&reply)?));
        let output = output?;
        decrypt.push(time);
        (request_bytes, reply_bytes) = (sent.len(), reply.len());
        for (i, output) in output.chunks_exact(output.len() / batch).enumerate() {
            let clear = model.run_clear(checkpoint, data.sample(first + i))?;
            answers.compare(output, &clear, data.label(first + i));
            // With other weights the stored outputs mean nothing.
            if let (Some(stored), None) = (data.logits(first + i), &options.checkpoint) {
                answers.compare_stored(&clear, stored);
            }
        }
    }
    bar.clear();
    println!(
        "requests  {requests} of {batch} in {}",
        seconds(start.elapsed().as_secs_f64())
    );
    let chain = plan.chain();
    let total = &plan.bill().total;
    let wall = |times: &[Seconds]| times.iter().map(|time| time.wall).collect();
    let cpu = |times: &[Seconds]| times.iter().map(|time| time.cpu).collect();
    Ok(Report {
        model: model.name().to_owned(),
        ring_degree: chain.degree(),
        log_qp: chain.log_qp(),
        log_qp_cap: chain.security().cap_bits(chain.log_n()),
        security_bits: chain.security().bits(),
        depth: chain.top_level(),
        slots: chain.slots(),
        threads,
        batch: options.batch,
        samples: requests,
        plan_s: plan_time.wall,
        keygen_s: keygen_time.wall,
        load_keys_s: load_time.wall,
        encode_model_s: encode_time.wall,
        encrypt_s: wall(&encrypt),
        predict_s: wall(&predict),
        decrypt_s: wall(&decrypt),
        predict_cpu_s: cpu(&predict),
        encrypt_cpu_s: cpu(&encrypt),
        decrypt_cpu_s: cpu(&decrypt),
        max_abs_error: answers.largest_error,
        clear_error: answers.clear_error,
        predicted_error: server.predicted_error(),
        agree: answers.share(answers.agreeing),
        accuracy: answers.labelled().then(|| answers.share(answers.right)),
        clear_accuracy: answers.labelled().then(|| answers.share(answers.clear_right)),
        rotations: total.rotations,
        key_switches: total.key_switches,
        ct_multiplications: total.ct_multiplications,
        pt_multiplications: total.pt_multiplications,
        rescales: total.rescales,
        bootstraps: total.refreshes,
        evaluation_key_bytes,
        request_bytes,
        reply_bytes,
        model_bytes: server.model_bytes(),
        peak_rss_bytes: peak_rss_bytes(),
        predicted_predict_s: plan.predicted_seconds(),
        predicted_peak_bytes: plan.predicted_peak_bytes(),
    })
}

/// Runs one of the bundled networks, with the options of the command line.
pub fn bundled(
    model: &'static Model,
    folder: &str,
    requests: usize,
) -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    let BundledArguments { options } = BundledArguments::parse();
    Ok(main(&Job::bundled(model, folder, requests)?, &options))
}

/// Runs this network on encrypted inputs.
#[derive(Parser)]
struct BundledArguments {
    #[command(flatten)]
    options: Options,
}

/// Runs a job, prints the report, writes it where the options say, and fails where the bound does not hold.
pub fn main(job: &Job, options: &Options) -> std::process::ExitCode {
    let report = run(job, options).and_then(|report| {
        report.print();
        options.json.as_ref().map_or(Ok(()), |path| report.write(path))?;
        Ok(report)
    });
    match report {
        Ok(report) if report.holds() => std::process::ExitCode::SUCCESS,
        Ok(_) => std::process::ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

/// Encrypted answers against clear ones.
#[derive(Default)]
struct Answers {
    samples: usize,
    labels: usize,
    agreeing: usize,
    right: usize,
    clear_right: usize,
    largest_error: f64,
    /// The clear model's distance from the stored outputs, where there are any.
    clear_error: Option<f64>,
}

/// The largest difference of two lists.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let differences = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs()));
    // A number that is none must not hide.
    differences.fold(
        0.0,
        |worst, d| if d.is_nan() { f64::INFINITY } else { worst.max(d) },
    )
}

impl Answers {
    fn compare(&mut self, encrypted: &[f32], clear: &[f32], label: Option<i64>) {
        self.largest_error = self.largest_error.max(distance(encrypted, clear));
        let (found, expected) = (answer(encrypted), answer(clear));
        self.samples += 1;
        self.agreeing += usize::from(found == expected);
        if let Some(label) = label {
            self.labels += 1;
            self.right += usize::from(found == label);
            self.clear_right += usize::from(expected == label);
        }
        if self.samples == 1 {
            println!(
                "answer    first sample: clear {expected}, encrypted {found}, label {}",
                label.unwrap_or(-1)
            );
        }
    }

    fn compare_stored(&mut self, clear: &[f32], stored: &[f32]) {
        let distance = distance(clear, stored);
        self.clear_error = Some(self.clear_error.unwrap_or(0.0).max(distance));
    }

    fn labelled(&self) -> bool {
        self.labels == self.samples
    }

    fn share(&self, count: usize) -> f64 {
        count as f64 / self.samples as f64
    }
}

/// The class that a network's outputs name: the largest of several, the sign of one.
fn answer(outputs: &[f32]) -> i64 {
    if let [logit] = outputs {
        return i64::from(*logit > 0.0);
    }
    let largest = outputs.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    largest.map_or(-1, |(class, _)| class as i64)
}
