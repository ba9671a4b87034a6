#[he_nn::block]
fn loops<const N: usize>(x: Tensor, w: Weights) -> Tensor {
    let mut y = x;
    'outer: for i in 0..N {
        for _ in (1..=3).rev() {
            if i == 2 {
                continue 'outer;
            }
            y = square(y);
        }
    }
    for width in WIDTHS {
        y = linear(y, w.at("fc").idx(width), Linear::out(width));
    }
    for k in (0..10).rev().step_by(3) {
        y = scale(y, 1.0 + k as f64);
    }
    y
}
