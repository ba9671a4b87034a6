fn print(client: &he_nn::Client) {
    println!("{client:?}");
}

fn main() {}
