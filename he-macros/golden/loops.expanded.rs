#[allow(clippy::needless_lifetimes, clippy::extra_unused_lifetimes)]
const fn loops<'t, const N: usize>(x: Tensor<'t>, w: Weights<'t>) -> Tensor<'t> {
    let mut y = x;
    {
        let (first, last, step) = (0, N, 1);
        let mut more = first < last;
        let mut at = first;
        'outer: while more {
            let i = at;
            if last - at > step { at += step } else { more = false }
            {
                let (first, last, step) = (1, 3, 1);
                let mut more = first <= last;
                let mut at = last;
                while more {
                    let _ = at;
                    if at - first >= step { at -= step } else { more = false }
                    if i == 2 {
                        continue 'outer;
                    }
                    y = square(y);
                }
            }
        }
    }
    {
        let list = WIDTHS;
        let mut at = 0;
        while at < list.len() {
            let width = list[at];
            at += 1;
            y = linear(y, w.at("fc").idx(width), Linear::out(width));
        }
    }
    {
        let (first, last, step) = (0, 10, 3);
        ::core::assert!(step > 0, "the step of a `for` loop is 0");
        let mut more = first < last;
        let mut at = if more { last - 1 } else { first };
        while more {
            let k = at;
            if at - first >= step { at -= step } else { more = false }
            y = scale(y, 1.0 + k as f64);
        }
    }
    y
}
