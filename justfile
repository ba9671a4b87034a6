# What there is to do.
default:
    @just --list

# Everything CI checks.
ci:
    .ci/run

# All tests.
test:
    cargo test --workspace

# The slow ones too: accuracy on 100 encrypted digits, long searches for errors, counts of the large networks.
test-all:
    cargo test --workspace -- --include-ignored

# The main job: twenty encrypted digits through CryptoNets.
cryptonets *arguments:
    cargo run --release --example cryptonets -- {{arguments}}

# Benchmarks of kernels, CKKS operations, planning time and the throughput of two clients.
bench:
    cargo bench

# Rewrites the expected texts of compile errors after a look at the difference.
bless:
    TRYBUILD=overwrite cargo test --test ui
