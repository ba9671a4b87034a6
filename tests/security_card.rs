//! The committed security card is what the parameters say.

use std::path::Path;

#[path = "../examples/security_card/card.rs"]
mod card;

#[test]
fn the_committed_card_is_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security");
    let made = card::card(&folder.join("estimates.json")).unwrap();
    let committed = std::fs::read_to_string(folder.join("card.json")).unwrap();
    assert!(
        made.to_json().unwrap() == committed,
        "help: cargo run --release --example security_card"
    );
    // Estimates at the caps lie within a bit of the level that the guidelines' table was made for.
    let costs: Vec<_> = made.costs().collect();
    assert!(!costs.is_empty());
    for (cost, claimed) in costs {
        assert!(
            cost > f64::from(claimed) - 1.0,
            "2^{cost} operations, claimed {claimed} bits"
        );
    }
}
