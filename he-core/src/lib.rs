//! CKKS and the machine that runs tile-tensor programs.
