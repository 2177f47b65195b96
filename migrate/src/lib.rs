//! Decides where an actor's database stands against its migrations, and moves it only on proof.
