//! The scenarios of the story that started Tea, one test each, named after its id. The story has two tables whose ids
//! clash: `story_` and `design_` tell from which one an id is. `tests/README.md` has the whole list.

mod ac1_executor;
mod ac2_thread;
mod ac3_process;
mod ac4_serialization;
mod ac5_regression;
mod ac6_yaml;
mod builder;
mod log;
