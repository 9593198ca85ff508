//! Reading, writing and refusing messages.

mod examples;
mod hostile;
mod round_trip;
mod samples;
mod schema;
mod stream;
