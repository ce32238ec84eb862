//! The logd that runs here already: what it holds is no conflict for the files that it would take next.

use std::net::SocketAddr;
use std::path::Path;

use super::data_dir::DataDir;

/// Whether the process that holds `data_dir` listens on this address.
pub(crate) fn listens(data_dir: &Path, address: SocketAddr) -> bool {
    DataDir::holder(data_dir).is_some_and(|pid| has_socket(pid, address))
}

#[cfg(target_os = "linux")]
fn has_socket(pid: u32, address: SocketAddr) -> bool {
    use procfs::net::{TcpState, tcp, tcp6};
    use procfs::process::{FDTarget, Process};

    let sockets = if address.is_ipv4() { tcp() } else { tcp6() };
    let listens = |inode: u64| {
        let sockets = sockets.as_deref().unwrap_or_default();
        sockets.iter().any(|one| one.inode == inode && one.state == TcpState::Listen && one.local_address == address)
    };
    let Ok(descriptors) = i32::try_from(pid).map_err(drop).and_then(|pid| Process::new(pid).map_err(drop)) else {
        return false;
    };
    let Ok(descriptors) = descriptors.fd() else { return false };
    descriptors.flatten().any(|one| matches!(one.target, FDTarget::Socket(inode) if listens(inode)))
}

#[cfg(not(target_os = "linux"))]
fn has_socket(_: u32, _: SocketAddr) -> bool {
    // Who holds an address can't be found out: the one that runs here most likely.
    true
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn knows_what_the_holder_of_the_folder_listens_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = listener.local_addr().expect("an address");
        assert!(!listens(folder.path(), address), "nobody holds the folder");
        let _held = DataDir::take(folder.path()).expect("taken");
        assert!(listens(folder.path(), address));
        drop(listener);
        assert!(!listens(folder.path(), address));
    }
}
