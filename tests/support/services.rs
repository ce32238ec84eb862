//! Real services, by the recipe in `tests/services`, which installs them where they are missing.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A service on ports and in a folder of its own.
pub(crate) struct Service {
    name: &'static str,
    folder: PathBuf,
    /// The variables by which the recipe knows it.
    variables: Vec<(&'static str, String)>,
    /// Removes the service when its input is closed, which the end of this process does, however that comes about.
    keeper: Child,
}

impl Service {
    /// Starts the service of this name.
    pub(crate) fn start(name: &'static str) -> Self {
        let ports: &[&str] = match name {
            "kafka" => &["KAFKA_PORT", "KAFKA_CONTROLLER_PORT"],
            "elasticsearch" => &["ES_PORT", "ES_TRANSPORT_PORT"],
            "redis" => &["REDIS_PORT"],
            other => panic!("the recipe knows no {other}"),
        };
        // All are held until the last is found, so that they differ.
        let held: Vec<_> = ports.iter().map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
        let port = |listener: &TcpListener| listener.local_addr().expect("bound").port().to_string();
        let mut variables: Vec<_> = ports.iter().copied().zip(held.iter().map(port)).collect();
        drop(held);
        let folder = tempfile::Builder::new().prefix("logd-service-").tempdir().expect("a folder").keep();
        variables.push(("SERVICES_RUN", folder.display().to_string()));
        variables.push(("START_TIMEOUT", "200".to_owned()));
        let mut keeper = Command::new("sh");
        keeper.args(["-c", "cat; \"$0\" wipe \"$1\"; rm -rf \"$SERVICES_RUN\""]).arg(recipe()).arg(name);
        keeper.envs(variables.iter().cloned()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let keeper = keeper.spawn().expect("the keeper runs");
        let service = Self { name, folder, variables, keeper };
        service.run("start");
        service
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> &str {
        &self.variables[0].1
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(&self) {
        self.run("kill");
    }

    /// Kills it until what is returned is dropped: nobody else is to miss it because a test has failed.
    pub(crate) fn killed(&self) -> Killed<'_> {
        self.kill();
        Killed(self)
    }

    /// Starts it again, with the data that it has on disk, and waits until it answers.
    pub(crate) fn start_again(&self) {
        self.run("start");
    }

    fn run(&self, command: &str) {
        // The service must not keep this process' output open.
        let said = self.folder.join("recipe.log");
        let log = File::create(&said).expect("a log");
        let mut run = Command::new(recipe());
        run.args([command, self.name]).envs(self.variables.iter().cloned()).stdin(Stdio::null());
        run.stdout(log.try_clone().expect("a handle")).stderr(log);
        let status = run.status().expect("the recipe runs");
        let said = std::fs::read_to_string(said).unwrap_or_default();
        assert!(status.success(), "`services.sh {command} {}` has failed: {said}", self.name);
    }
}

/// A service that is dead.
pub(crate) struct Killed<'s>(&'s Service);

impl Drop for Killed<'_> {
    fn drop(&mut self) {
        self.0.start_again();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn recipe() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services/services.sh")
}
