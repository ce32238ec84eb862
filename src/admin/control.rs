//! The control socket: how commands of the same user reach the daemon that runs here.
//!
//! `data_dir/control.sock`, in a folder that nobody else may enter. A client writes one request, a JSON object on a line,
//! and reads one answer of the same form.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

/// The socket's name in `data_dir`.
const SOCKET: &str = "control.sock";
/// A longer request is none, in bytes.
const LONGEST: u64 = 16 << 20;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client waits for an answer: a component may have to stop first.
const ANSWER: Duration = Duration::from_secs(60);
/// So many clients are served at once.
const MOST_CLIENTS: usize = 16;

/// What the daemon is asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Command {
    /// Forget these dead letters.
    DropLetters(Vec<u64>),
    /// Give these dead letters to the components that refused them.
    ReplayLetters(Vec<u64>),
    /// Say what waits on disk, a line each.
    ListBuffers,
    /// Throw away what a component holds that is not there any more: `PIPELINE/NAME`.
    DropBuffer(String),
    /// Bring what runs in line with the files, and say what came of it.
    Reload,
    /// Show events as they pass: lines of JSON follow the answer, until the client goes.
    Tap {
        /// The component, or one of its outputs.
        name: String,
        /// A condition in VRL that events have to meet.
        filter: Option<String>,
        /// So many events in a second at most.
        rate: u32,
    },
    /// Run the files as they were so many generations before.
    Rollback(usize),
    /// Say what a reload would change, as JSON.
    Plan,
    /// Say how all is, as JSON.
    Status,
    /// Say how much components keep by key, as JSON.
    ListStates,
    /// Say what a component keeps: a line of JSON for each key follows the answer.
    ShowState {
        /// The component: `PIPELINE/NAME`, or `NAME`.
        component: String,
        /// Of this key only.
        key: Option<String>,
    },
    /// Hand out what a component keeps, as a file of lines, which follow the answer.
    ExportState(String),
    /// Say what detectors told of an anomaly, or of an incident, as JSON: a list of events.
    Told(String),
}

/// What came of it, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It is done.
    Done(String),
    /// It can't be done.
    Failed(String),
    /// It is not done, because files have mistakes.
    Refused(String),
}

/// What is said to a command.
pub(crate) struct Reply {
    /// What came of it.
    pub(crate) answer: Answer,
    /// What follows it: lines, for as long as somebody reads them.
    pub(crate) lines: Option<BoxStream<'static, Vec<u8>>>,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, lines: None }
    }
}

/// A command, and where its answer goes.
pub(crate) type Asked = (Command, oneshot::Sender<Reply>);

/// The way from those who ask to the daemon.
pub(crate) fn channel() -> (mpsc::Sender<Asked>, mpsc::Receiver<Asked>) {
    mpsc::channel(MOST_CLIENTS)
}

/// Listens in `data_dir`, and hands on what is asked for.
///
/// # Errors
/// The socket can't be made.
pub(crate) fn listen(data_dir: &Path, sender: mpsc::Sender<Asked>) -> anyhow::Result<()> {
    let path = data_dir.join(SOCKET);
    // The data folder is ours: what lies there is of a process that is gone.
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error).with_context(|| format!("{} can't be removed", path.display()));
    }
    let listener = UnixListener::bind(&path).with_context(|| format!("{} can't be made", path.display()))?;
    tokio::spawn(accept(listener, sender));
    Ok(())
}

async fn accept(listener: UnixListener, sender: mpsc::Sender<Asked>) {
    let room = Arc::new(Semaphore::new(MOST_CLIENTS));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, perhaps: others let go of theirs.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let sender = sender.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(stream, &sender).await {
                tracing::debug!(error = format!("{error:#}"), "A client of the control socket was not served.");
            }
            drop(permit);
        });
    }
}

async fn serve(stream: UnixStream, sender: &mpsc::Sender<Asked>) -> anyhow::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    timeout(PATIENCE, BufReader::new(reading.take(LONGEST)).read_line(&mut line)).await??;
    let Reply { answer, lines } = match serde_json::from_str(&line) {
        Ok(command) => {
            let (reply, answer) = oneshot::channel();
            sender.send((command, reply)).await?;
            answer.await.unwrap_or_else(|_| Answer::Failed("the daemon stops".to_owned()).into())
        }
        Err(error) => Answer::Failed(format!("this is no request: {error}")).into(),
    };
    writing.write_all((serde_json::to_string(&answer)? + "\n").as_bytes()).await?;
    if let Some(mut following) = lines {
        while let Some(lines) = following.next().await {
            // A client that does not read is not waited for.
            timeout(PATIENCE, writing.write_all(&lines)).await??;
        }
    }
    Ok(())
}

/// Asks the daemon that runs in `data_dir` for lines, such as events that pass, and gives each to `shown` for as long as that
/// wants more. Returns nothing if there is no daemon.
///
/// # Errors
/// It does not answer, or says no.
pub(crate) async fn follow(
    data_dir: &Path,
    command: &Command,
    mut shown: impl FnMut(&str) -> bool,
) -> anyhow::Result<Option<()>> {
    let Some(stream) = call(data_dir, command).await? else { return Ok(None) };
    let mut lines = BufReader::new(stream).lines();
    let first = timeout(ANSWER, lines.next_line()).await.context("the daemon does not answer")??;
    match serde_json::from_str(&first.unwrap_or_default()).context("the daemon's answer can't be read")? {
        Answer::Done(_) => {}
        Answer::Failed(why) | Answer::Refused(why) => bail!(why),
    }
    while let Some(line) = lines.next_line().await? {
        if !shown(&line) {
            break;
        }
    }
    Ok(Some(()))
}

/// Asks the daemon that runs in `data_dir`; `None` if there is none.
///
/// # Errors
/// It does not answer.
pub(crate) async fn ask(data_dir: &Path, command: &Command) -> anyhow::Result<Option<Answer>> {
    let Some(stream) = call(data_dir, command).await? else { return Ok(None) };
    let mut line = String::new();
    timeout(ANSWER, BufReader::new(stream).read_line(&mut line)).await.context("the daemon does not answer")??;
    Ok(Some(serde_json::from_str(&line).context("the daemon's answer can't be read")?))
}

/// Sends a command to the daemon that runs in `data_dir`; `None` if there is none.
async fn call(data_dir: &Path, command: &Command) -> anyhow::Result<Option<UnixStream>> {
    let mut stream = match UnixStream::connect(data_dir.join(SOCKET)).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error).context("the daemon can't be reached"),
    };
    stream.write_all((serde_json::to_string(command)? + "\n").as_bytes()).await?;
    Ok(Some(stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_gets_an_answer() {
        let folder = tempfile::tempdir().expect("a folder");
        let command = Command::DropLetters(vec![1, 2]);
        assert_eq!(ask(folder.path(), &command).await.expect("nobody"), None);
        let (sender, mut asked) = channel();
        listen(folder.path(), sender).expect("listens");
        tokio::spawn(async move {
            while let Some((command, reply)) = asked.recv().await {
                let _ = reply.send(Answer::Done(format!("{command:?}")).into());
            }
        });
        let answer = ask(folder.path(), &command).await.expect("answered");
        assert_eq!(answer, Some(Answer::Done("DropLetters([1, 2])".to_owned())));

        let mut stream = UnixStream::connect(folder.path().join(SOCKET)).await.expect("connected");
        stream.write_all(b"{\"explode\": 1}\n").await.expect("written");
        let mut said = String::new();
        stream.read_to_string(&mut said).await.expect("read");
        assert!(said.contains("this is no request"), "{said}");
    }
}
