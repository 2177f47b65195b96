//! Measures what `inspect` costs per actor: `cargo run --release --example measure_inspect -- FOLDER DATABASE [COUNT]`.
//!
//! One connection serves all looks of the first figure; the second opens the file anew for each.

use std::error::Error;
use std::time::Instant;

use actor_migrate::{Bundle, Expected, InspectOptions, inspect};
use rusqlite::{Connection, OpenFlags};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("name a migrations folder")?;
    let database = args.next().ok_or("name an actor's database")?;
    let count: u32 = args.next().map_or(Ok(10_000), |count| count.parse())?;
    let options = InspectOptions::default();
    let bundle = Bundle::read(&folder)?;

    let started = Instant::now();
    let expected = Expected::replay(&bundle)?;
    println!(
        "replay of {} migrations: {:?}",
        bundle.entries.len(),
        started.elapsed()
    );

    let open = || Connection::open_with_flags(&database, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let conn = open()?;
    let standing = inspect(&conn, &bundle, &expected, &options)?;
    println!("{} {}", standing.verdict, standing.adoption);

    let started = Instant::now();
    for _ in 0..count {
        inspect(&conn, &bundle, &expected, &options)?;
    }
    println!(
        "inspect, connection open: {:?} per actor",
        started.elapsed() / count
    );

    let started = Instant::now();
    for _ in 0..count {
        inspect(&open()?, &bundle, &expected, &options)?;
    }
    println!(
        "open, inspect, close: {:?} per actor",
        started.elapsed() / count
    );
    Ok(())
}
