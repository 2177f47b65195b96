//! The example of a host tells its callers what it promises to.

#[path = "../examples/tokio_host/host.rs"]
mod host;
#[path = "../examples/tokio_host/story.rs"]
mod story;

#[test]
fn callers_of_the_example_host_hear_what_is_wrong_and_the_others_are_served() {
    insta::assert_snapshot!(story::tell().unwrap());
}
