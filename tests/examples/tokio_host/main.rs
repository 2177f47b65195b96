//! An actor host on tokio that tells its callers the truth: `cargo run -p actor-tests --example tokio_host`.

mod host;
mod story;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", story::tell()?);
    Ok(())
}
