//! What rustc shows for models that are wrong, and that their passing twins compile.
//!
//! `tests/ui/CLASS/fail/CASE.rs` has the text that rustc must print beside it (`CASE.stderr`), a twin `tests/ui/CLASS/pass/CASE.rs` that
//! differs only in what makes it right, and a section in `docs/errors.md`. Classes: form, shape, depth, security, composition,
//! secrets. The twins are modules of this test: compiling it is their check. `TRYBUILD=overwrite cargo test --test ui` rewrites the
//! texts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Declares the passing twins and lists them.
macro_rules! twins {
    ($($class:ident at $folder:literal { $($case:ident)* })*) => {
        $(
            #[path = $folder]
            #[allow(dead_code, reason = "rustc evaluates a model whether or not it is called")]
            mod $class {
                $(mod $case;)*
            }
        )*
        const TWINS: &[&str] = &[$($(concat!(stringify!($class), "/", stringify!($case))),*),*];
    };
}

twins! {
    form at "ui/form/pass" {
        activation_signature activation_without_degree branch_on_encrypted closure comparison division
        early_return encrypted_index example_without_value generic_model input_without_shape
        loop_over_iterator match_on_encrypted method no_budget no_input no_output not_a_function
        option_given_twice plain_parameter_of_a_model question_mark shape_is_not_a_list two_budgets
        unknown_option while_on_encrypted
    }
    shape at "ui/shape/pass" {
        adaptive_pool_enlarges approximation_range batch_norm_rank composite_degree
        composite_of_another_function composite_without_members concat_of_different_shapes
        constants_per_channel image_expected inverse_interval inverse_precision inverse_span kernel_too_large linear_on_image no_output_channels
        no_such_dimension output_without_input padding_too_large permute_names_an_axis_twice
        polynomial_degree reshape_elements sign_by_one_polynomial slice_beyond_the_end
        sum_of_different_shapes weight_path zero_factor zero_stride
    }
    depth at "ui/depth/pass" {
        budget_spent composite_in_a_budget degree_too_high example_of_a_block inverse_in_a_budget long_path longest_branch no_level nothing_absorbs
        output_map step_beyond_a_bootstrap three_functions_deep
    }
    security at "ui/security/pass" {
        composite_modulus insecure_and_unchecked insecure_parameters prime_comes_back
    }
    composition at "ui/composition/pass" {
        block_of_another_crate branch_by_shape const_generics loop_with_continue match_on_options
        several_models tuples_and_shadowing
    }
    secrets at "ui/secrets/pass" {
        client_clone client_debug client_serialize key_clone key_debug server_decrypt
    }
}

/// The toolchain whose rendering of errors the texts hold.
const TOOLCHAIN: &str = "rustc 1.95.0";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `CLASS/CASE` of every file under `tests/ui/*/KIND`.
fn cases(kind: &str) -> BTreeSet<String> {
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let mut list = BTreeSet::new();
    for class in fs::read_dir(root().join("tests/ui")).unwrap() {
        let class: PathBuf = class.unwrap().path();
        for case in fs::read_dir(class.join(kind)).unwrap() {
            let case = case.unwrap().path();
            if case.extension().is_some_and(|extension| extension == "rs") {
                list.insert(format!("{}/{}", name(&class), name(&case)));
            }
        }
    }
    list
}

#[test]
fn messages_are_as_reviewed() {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let version = String::from_utf8(Command::new(rustc).arg("--version").output().unwrap().stdout).unwrap();
    if !version.starts_with(TOOLCHAIN) {
        eprintln!("SKIPPED: the texts are those of {TOOLCHAIN}, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*/fail/*.rs");
}

#[test]
fn every_failing_case_has_a_passing_twin() {
    let listed: BTreeSet<String> = TWINS.iter().map(|&case| case.to_owned()).collect();
    assert_eq!(cases("fail"), listed, "cases and the list of twins");
    assert_eq!(cases("pass"), listed, "twins and the list of twins");
}

#[test]
fn every_case_has_a_section_in_the_catalogue_and_every_section_a_case() {
    let catalogue = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let sections = catalogue
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(str::to_owned)
        .collect();
    assert_eq!(cases("fail"), sections);
}

#[test]
fn notes_show_the_users_functions_only() {
    for case in cases("fail") {
        let (class, name) = case.split_once('/').unwrap();
        let text = fs::read_to_string(root().join(format!("tests/ui/{class}/fail/{name}.stderr"))).unwrap();
        // A layer in the notes is one that lacks #[track_caller]. The library's blocks are written as a user would, and belong there.
        let leaks: Vec<_> = text
            .lines()
            .filter(|line| line.contains("he-nn/src/") && !line.contains("he-nn/src/block/"))
            .collect();
        assert!(leaks.is_empty(), "{case}: {leaks:?}");
    }
}
