//! The command line: one file a subcommand.

mod backtest;
mod buffer;
mod dlq;
mod exit;
mod explain;
mod generate;
mod graph;
mod list;
mod moment;
mod plan;
mod run;
mod running;
mod schema;
mod settings;
mod state;
mod status;
mod tap;
mod test;
mod top;
mod user;
mod validate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub(crate) use exit::Exit;

/// A log-analysis daemon: sources, windows, detectors and sinks, configured by the files of a folder.
#[derive(Debug, Parser)]
#[command(name = "logd", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 all is well, 2 a plan has changes, 1 something acknowledged was lost or cut short, a test or a gate of a backtest has failed, or an alarm does not follow from its evidence, 64 the command is \
wrong, 69 something needed is not to be had, 78 the configuration is wrong."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Plan(plan::Plan),
    Reload(running::Reload),
    Rollback(running::Rollback),
    Status(status::Status),
    Top(top::Top),
    Tap(tap::Tap),
    Validate(validate::Validate),
    Test(test::Test),
    Backtest(backtest::Backtest),
    Explain(explain::Explain),
    Graph(graph::Graph),
    List(list::List),
    Schema(schema::Schema),
    Generate(generate::Generate),
    Dlq(dlq::Dlq),
    Buffer(buffer::Buffer),
    State(state::State),
    User(user::User),
}

/// Does what the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody is left to tell if this can't be printed.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() };
        }
    };
    let exit = match arguments.command {
        Command::Run(command) => command.execute(),
        Command::Plan(command) => command.execute(),
        Command::Reload(command) => command.execute(),
        Command::Rollback(command) => command.execute(),
        Command::Status(command) => command.execute(),
        Command::Top(command) => command.execute(),
        Command::Tap(command) => command.execute(),
        Command::Validate(command) => command.execute(),
        Command::Test(command) => command.execute(),
        Command::Backtest(command) => command.execute(),
        Command::Explain(command) => command.execute(),
        Command::Graph(command) => command.execute(),
        Command::List(command) => command.execute(),
        Command::Schema(command) => command.execute(),
        Command::Generate(command) => command.execute(),
        Command::Dlq(command) => command.execute(),
        Command::Buffer(command) => command.execute(),
        Command::State(command) => command.execute(),
        Command::User(command) => command.execute(),
    };
    exit.into()
}
