#!/usr/bin/env python3
"""Estimates the cost of the known attacks on the samples that security rests on, with the public lattice estimator.

    git clone https://github.com/malb/lattice-estimator && git -C lattice-estimator checkout COMMIT
    pip install passagemath-standard-no-symbolics passagemath-symbolics      # or run with the Python of SageMath
    python3 docs/security/estimate.py --estimator lattice-estimator [--only 15:101:sparse] [--attacks usvp,bdd]

Every row of SAMPLES is a ring degree, the largest modulus that the code lets a sample of that secret have, and the secret's
distribution. Rings are taken as plain LWE with as many samples as an attack wants, errors as centred binomials of 42 coins, lattice
reduction by the cost model of the guidelines (MATZOV). Results go to docs/security/estimates.json as they are found; rows that
are there already are made again only when named by --only. The hybrid attacks on the largest rings take hours.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
OUTPUT = HERE / "estimates.json"

# log2 of the ring degree, log2 of the modulus, secret. Uniform ternary at the caps of he-core/src/params/security.rs; weight 32 at the
# cap of he-core/src/params/published.rs.
SAMPLES = [
    (15, 101, "sparse"),
    (16, 101, "sparse"),
    (13, 214, "ternary"),
    (14, 430, "ternary"),
    (15, 868, "ternary"),
    (16, 1747, "ternary"),
    (17, 101, "sparse"),
    (17, 3523, "ternary"),
]
SPARSE_WEIGHT = 32


def attacks(LWE, sparse_dual, model):
    """Name to function, cheapest to run first. `dual` is the hybrid of MATZOV, `dual_sparse` that of Espitau, Joux and Kharchenko."""
    return {
        "usvp": lambda p: LWE.primal_usvp(p, red_cost_model=model),
        "bdd": lambda p: LWE.primal_bdd(p, red_cost_model=model),
        "dual": lambda p: LWE.dual_hybrid(p, red_cost_model=model),
        "dual_sparse": lambda p: sparse_dual(p, red_cost_model=model),
        "dual_sparse_mitm": lambda p: sparse_dual(p, red_cost_model=model, mitm_optimization=True),
        "bdd_hybrid": lambda p: LWE.primal_hybrid(p, mitm=False, babai=False, red_cost_model=model),
        "bdd_hybrid_mitm": lambda p: LWE.primal_hybrid(p, mitm=True, babai=True, red_cost_model=model),
    }


def log2(operations):
    """To a tenth of a bit; None where floats do not reach: above 2^1023."""
    value = float(operations)
    return round(math.log2(value), 1) if math.isfinite(value) else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--estimator", type=pathlib.Path, required=True, help="checkout of the lattice estimator")
    parser.add_argument("--only", action="append", default=[], help="LOG_N:LOG_Q:SECRET, may be repeated")
    parser.add_argument("--attacks", help="names, comma separated")
    parser.add_argument("--commit", help="of the estimator, where its folder is no git checkout")
    options = parser.parse_args()

    commit = options.commit or subprocess.run(
        ["git", "-C", options.estimator, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    sys.path.insert(0, str(options.estimator))
    import sage.all  # noqa: F401  the estimator expects it to be loaded
    from estimator import LWE, ND, RC
    from estimator.lwe_dual import dual_hybrid as sparse_dual

    found = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {"rows": []}
    found.update(estimator="malb/lattice-estimator", commit=commit, cost_model="MATZOV")
    known = attacks(LWE, sparse_dual, RC.MATZOV)
    # Hybrids that guess are for sparse secrets; the guidelines' table came from the others.
    dense = ["usvp", "bdd", "dual"]
    for log_n, log_q, secret in SAMPLES:
        named = f"{log_n}:{log_q}:{secret}" in options.only
        if options.only and not named:
            continue
        row = next(
            (r for r in found["rows"] if (r["log_n"], r["log_q"], r["secret"]) == (log_n, log_q, secret)), None
        )
        if row is None:
            row = {"log_n": log_n, "log_q": log_q, "secret": secret, "error": "centred binomial 21", "attacks": {}}
            found["rows"].append(row)
        n = 2**log_n
        half = SPARSE_WEIGHT // 2
        distribution = ND.SparseTernary(half, half, n) if secret == "sparse" else ND.UniformMod(3)
        params = LWE.Parameters(n=n, q=2**log_q, Xs=distribution, Xe=ND.CenteredBinomial(21), m=sage.all.oo)
        for name in options.attacks.split(",") if options.attacks else known if secret == "sparse" else dense:
            if name in row["attacks"] and not named:
                continue
            start = time.process_time()
            cost = known[name](params)
            seconds = time.process_time() - start
            keep = {key: int(cost[key]) for key in ("beta", "zeta") if key in cost and abs(cost[key]) < 2**53}
            row["attacks"][name] = {"log2_operations": log2(cost["rop"]), **keep}
            print(f"N = 2^{log_n}, q = 2^{log_q}, {secret}: {name} {cost!r}, {seconds:.0f} s", flush=True)
            OUTPUT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
