//! Starts the binary in a folder of its own, waits for conditions with a deadline, and reads what it left.

pub(crate) mod moments;
pub(crate) mod producers;
pub(crate) mod server;
pub(crate) mod services;

use std::fs;
use std::io::{BufRead, BufReader, PipeReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;

/// How long anything may take before a test gives up on it. A loaded machine is slow, not wrong.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A temporary folder in which logd runs.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in it.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        fs::write(&path, text).expect("the file can be written");
        path
    }

    /// The logd of this build, to be run here, with its state here.
    pub(crate) fn logd(&self) -> Command {
        self.here(Command::new(env!("CARGO_BIN_EXE_logd")))
    }

    /// The same, after a shell's `limits`: `ulimit -n 64`.
    pub(crate) fn logd_after(&self, limits: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{limits}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_logd")]);
        self.here(shell)
    }

    fn here(&self, mut command: Command) -> Command {
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("LOGD_CONFIG").env_remove("LOGD_DATA_DIR").env_remove("LOGD_LOG");
        command
    }
}

/// What a command has said and how it has ended.
pub(crate) struct Said {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// On stdout.
    pub(crate) out: String,
    /// On stderr.
    pub(crate) err: String,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Said {
    let output = command.output().expect("the command runs");
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A logd that runs.
pub(crate) struct Running {
    child: Child,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("logd starts");
        let (out, err) = (Arc::default(), Arc::default());
        let readers = vec![
            collect(child.stdout.take().expect("piped"), &out),
            collect(child.stderr.take().expect("piped"), &err),
        ];
        Self { child, out, err, readers }
    }

    /// Starts it with a stdout that nobody reads, so that what it prints there gets stuck; the pipe is to be held.
    pub(crate) fn unread(command: &mut Command) -> (Self, PipeReader) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut child = command.stdout(writer).stderr(Stdio::piped()).spawn().expect("logd starts");
        let (out, err) = (Arc::default(), Arc::default());
        let readers = vec![collect(child.stderr.take().expect("piped"), &err)];
        (Self { child, out, err, readers }, reader)
    }

    /// What it has printed so far.
    pub(crate) fn out(&self) -> String {
        self.out.lock().expect("no reader panics").clone()
    }

    /// What it has logged so far.
    pub(crate) fn err(&self) -> String {
        self.err.lock().expect("no reader panics").clone()
    }

    /// Waits until `condition` holds; fails with what logd has said.
    pub(crate) fn wait_for(&mut self, what: &str, condition: impl FnMut(&Self) -> bool) {
        self.wait_within(DEADLINE, what, condition);
    }

    /// The same for what may take longer than others.
    pub(crate) fn wait_within(&mut self, limit: Duration, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let mut left = limit;
        const STEP: Duration = Duration::from_millis(10);
        while !condition(self) {
            if let Some(ended) = self.child.try_wait().expect("it can be asked") {
                // What it said last may not have been read yet.
                self.readers.drain(..).for_each(|reader| reader.join().expect("no reader panics"));
                assert!(condition(self), "ended with {ended:?} before {what}:\n{}{}", self.out(), self.err());
                return;
            }
            left = left.checked_sub(STEP).unwrap_or_else(|| panic!("no {what}:\n{}{}", self.out(), self.err()));
            std::thread::sleep(STEP);
        }
    }

    /// Sends a signal: `TERM`, `HUP`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.expect("kill runs").success(), "the signal could not be sent");
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> (ExitStatus, String, String) {
        let status = self.child.wait().expect("it can be waited for");
        for reader in self.readers.drain(..) {
            reader.join().expect("no reader panics");
        }
        (status, self.out(), self.err())
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it can be asked").is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that fails leaves nothing behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(stream: impl std::io::Read + Send + 'static, into: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut text = into.lock().expect("no reader panics");
            text.push_str(&line);
            text.push('\n');
        }
    })
}

/// Gives each variable that a text names and has no default for a value.
pub(crate) fn provide(command: &mut Command, text: &str, value: &str) {
    let variables = text.split("${").skip(1).filter_map(|rest| rest.split('}').next());
    for variable in variables.filter(|variable| !variable.contains(":-")) {
        command.env(variable.split(':').next().unwrap_or_default(), value);
    }
}

/// An address of this machine that nobody listens on.
pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

/// The answer to a request, head and body; nothing while nobody answers. The request line is `line`, `more` is the rest.
pub(crate) fn ask(address: &str, line: &str, more: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
    let request = format!("{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{more}");
    let mut answer = String::new();
    // One that is just stopping may cut the line.
    let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
    answer
}

/// The body of the answer to `GET path`, or nothing while nobody answers.
pub(crate) fn get(address: &str, path: &str) -> String {
    let answer = ask(address, &format!("GET {path}"), "\r\n");
    answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned())
}

/// The values of a metric, by line.
pub(crate) fn values(metrics: &str, name: &str) -> Vec<f64> {
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    lines.map(|line| line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")).collect()
}

/// Whether a one-shot has left positions.
pub(crate) fn has_positions(place: &Place) -> bool {
    let runs = fs::read_dir(place.path("data/once")).into_iter().flatten().flatten();
    runs.into_iter().any(|run| run.path().join("checkpoints.redb").exists())
}

/// All files below a folder, by their paths in it.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("readable").path()) {
        if entry.is_dir() {
            found.extend(
                files(&entry)
                    .into_iter()
                    .map(|(path, text)| (Path::new(entry.file_name().expect("a name")).join(path), text)),
            );
        } else if entry.is_file() {
            let text = String::from_utf8_lossy(&fs::read(&entry).expect("readable")).into_owned();
            found.push((PathBuf::from(entry.file_name().expect("a name")), text));
        }
    }
    found.sort();
    found
}
